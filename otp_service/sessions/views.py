"""The routes of a person's own sessions, and the one where other services get the keys that check our tokens."""

import uuid
from dataclasses import asdict
from typing import Any

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.sessions import lifecycle, records
from otp_service.sessions.access import signed_in
from otp_service.sessions.schemas import KeysOut, SessionsOut
from otp_service.sessions.signing_keys import CACHED_SECONDS, signing_keys
from otp_service.sessions.tokens import Caller

bp = Blueprint("sessions", __name__)
keys_bp = Blueprint("keys", __name__)


@bp.get("/sessions")
@signed_in
@api(out=SessionsOut, errors=(401,))
def list_sessions(caller: Caller) -> dict[str, Any]:
    """List where the signed-in person is signed in."""
    live = records.of_user(caller.user_id)
    return {"sessions": [{**asdict(one), "current": one.id == caller.session_id} for one in live]}


@bp.delete("/sessions/<id:id>")
@signed_in
@api(errors=(401, 404))
def end_session(caller: Caller, id: uuid.UUID) -> None:
    """End one session of the signed-in person, at once."""
    lifecycle.end_own(id, user_id=caller.user_id, client=client_info())


@keys_bp.get("/.well-known/jwks.json")
@api(out=KeysOut, personal=False, cached_seconds=CACHED_SECONDS)
def key_set() -> dict[str, Any]:
    """List the public keys that check access tokens (RFC 7517); none for HS256."""
    return {"keys": signing_keys().published()}
