"""What can go wrong when a backend calls, and what it reads."""

from otp_service.core.errors import REALM, Forbidden, NotAuthenticated


class ApiKeyRequired(NotAuthenticated):
    """The request carries no API key."""

    code = "api_key_required"
    title = "API key required. Send it as Authorization: Bearer otpk_..."


class _RefusedKey(NotAuthenticated):
    """Something was sent and rejected: the challenge says so (RFC 6750, section 3.1)."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, challenge=f'{REALM}, error="invalid_token"')


class InvalidApiKey(_RefusedKey):
    """The key is malformed, unknown or revoked, its app was deleted, or the caller sent something else."""

    code = "invalid_api_key"
    title = "Invalid API key. It is wrong, or it was revoked."


class AppDisabled(_RefusedKey):
    """The key is right, and an operator disabled its app."""

    code = "app_disabled"
    title = "The app of this API key is disabled. Ask the operator of this service."


class ScopeMissing(Forbidden):
    """The key is valid, and its app may not do this (RFC 6750, section 3.1)."""

    code = "scope_missing"
    title = "The app of this API key lacks the scope for this request."

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"The app of this API key lacks the scope {scope}. Ask the operator of this service.",
            extra={"scope": scope},
            headers={"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope}"'},
        )
