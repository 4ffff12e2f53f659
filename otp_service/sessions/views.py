"""The routes of a person's own sessions."""

import uuid
from dataclasses import asdict
from typing import Any

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.sessions import listing, services
from otp_service.sessions.access import Caller, signed_in
from otp_service.sessions.schemas import SessionsOut

bp = Blueprint("sessions", __name__)


@bp.get("/sessions")
@signed_in
@api(out=SessionsOut, errors=(401,))
def list_sessions(caller: Caller) -> dict[str, Any]:
    """List where the signed-in person is signed in."""
    held = listing.of_user(caller.user_id)
    return {"sessions": [{**asdict(one), "current": one.id == caller.session_id} for one in held]}


@bp.delete("/sessions/<uuid:id>")
@signed_in
@api(errors=(401, 404))
def end_session(caller: Caller, id: uuid.UUID) -> None:
    """End one session of the signed-in person, at once."""
    services.end_own(id, user_id=caller.user_id, client=client_info())
