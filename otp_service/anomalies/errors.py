"""The errors of sign-ins that a rule found unusual."""

from collections.abc import Iterable

from otp_service.core.errors import Forbidden


class SignInDenied(Forbidden):
    """A rule with the action `deny` applies to a sign-in whose password or passkey was right."""

    code = "sign_in_denied"
    title = (
        "This sign-in is unusual for your account and was not allowed. Sign in where you have signed in before, "
        "or reset your password here and try again within 15 minutes."
    )


class StrongestFactorRequired(Forbidden):
    """A rule with the action `require_strongest_factor` applies, and the response is of a weaker factor."""

    code = "strongest_factor_required"
    title = "This sign-in is unusual for your account. Use the strongest of your sign-in methods."

    def __init__(self, methods: Iterable[str]) -> None:
        """`methods` are those that are strong enough."""
        super().__init__(extra={"methods": list(methods)})
