"""The routes by which other services check access tokens."""

from typing import Any

from flask import Blueprint

from otp_service.backends.access import key_required
from otp_service.backends.app_keys import Scope
from otp_service.backends.tokens import forward_auth, introspection, metadata
from otp_service.backends.tokens.schemas import ForwardAuthIn, IntrospectIn, IntrospectionOut, MetadataOut
from otp_service.core.web.api import api
from otp_service.sessions import Caller, signed_in
from otp_service.sessions.signing_keys import CACHED_SECONDS

bp = Blueprint("tokens", __name__, url_prefix="/tokens")
at_root = Blueprint("token_checks", __name__)


@bp.post("/introspect")
@key_required(Scope.TOKENS)
@api(form=IntrospectIn, out=IntrospectionOut)
def introspect(form: dict[str, Any]) -> dict[str, Any]:
    """Check an access token and its session (RFC 7662).

    Any other text is `{"active": false}` alone: an ended session, an expired or altered token, a refresh token, a key.
    Unknown fields of the form are ignored.
    """
    return introspection.introspect(form["token"])


# OPTIONS, too: Flask would respond 200 by itself, and to a proxy 200 means that the request may pass (ADR 40).
@at_root.route("/forward-auth", methods=["GET", "OPTIONS"])
@api(query=ForwardAuthIn, headers=forward_auth.IDENTITY, errors=(400, 401))
@signed_in
def check_forward(caller: Caller, query: dict[str, Any]) -> dict[str, str]:
    """Check a request for a reverse proxy, which lets it pass on 200: nginx, Caddy, Traefik.

    401 `insufficient_user_authentication` (RFC 9470) asks for a sign-in as `acr` and `maxAge` require.
    """
    return forward_auth.identify(caller, **query)


@at_root.get("/.well-known/oauth-authorization-server")
@api(out=MetadataOut, personal=False, cached_seconds=CACHED_SECONDS)
def show_metadata() -> dict[str, Any]:
    """Describe this service to libraries that check its tokens (RFC 8414)."""
    return metadata.describe()
