"""The routes by which people manage their own passkeys."""

import uuid
from typing import Any

from flask import Blueprint

from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.removal_schemas import RemovalOut, present_removal
from otp_service.factors.webauthn import enrolment, schemas
from otp_service.sessions import Caller, fresh_sign_in, strongest_sign_in

bp = Blueprint("webauthn", __name__, url_prefix="/factors/webauthn")


@bp.post("/options")
@request_limits.otp
@strongest_sign_in
@api(out=schemas.CreationOptionsOut, errors=(401, 403, 409))
def offer(caller: Caller) -> Any:
    """Get the options with which the browser makes a passkey."""
    return enrolment.offer(caller)


@bp.post("")
@request_limits.otp
@strongest_sign_in
@api(body=schemas.EnrolIn, out=schemas.EnrolledOut, status=201, errors=(401, 403, 409, 503))
def enrol(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Enrol the passkey that the browser made."""
    return enrolment.enrol(caller, body["credential"], name=body["name"], client=client_info())


@bp.patch("/<id:id>")
@fresh_sign_in
@api(body=schemas.NameIn, out=schemas.PasskeyOut, errors=(401, 403, 404))
def rename(body: dict[str, Any], caller: Caller, id: uuid.UUID) -> dict[str, Any]:
    """Rename a passkey."""
    return enrolment.rename(id, user_id=caller.user_id, name=body["name"], client=client_info())


@bp.delete("/<id:id>")
@fresh_sign_in
@api(later=RemovalOut, errors=(401, 403, 404))
def remove(caller: Caller, id: uuid.UUID) -> dict[str, Any] | None:
    """Remove a passkey: at once, or later after a sign-in with a weaker factor (202)."""
    return present_removal(enrolment.remove(id, caller=caller, client=client_info()))
