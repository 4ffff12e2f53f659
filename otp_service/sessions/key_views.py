"""The route where other services get the keys that check our tokens."""

import orjson
from flask import Blueprint, Response

from otp_service.core.web.api import api
from otp_service.sessions.schemas import KeysOut
from otp_service.sessions.signing_keys import signing_keys

bp = Blueprint("keys", __name__)
CACHED_SECONDS = 300


@bp.get("/.well-known/jwks.json")
@api(out=KeysOut, personal=False)
def key_set() -> Response:
    """List the public keys that check access tokens (RFC 7517); none for HS256."""
    response = Response(orjson.dumps({"keys": signing_keys().published()}), mimetype="application/json")
    response.headers["Cache-Control"] = f"public, max-age={CACHED_SECONDS}"
    return response
