"""The routes of a person's own trusted devices."""

import uuid
from typing import Any

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.trusted_devices import devices
from otp_service.factors.trusted_devices.schemas import DevicesOut
from otp_service.sessions import Caller, signed_in

bp = Blueprint("trusted_devices", __name__, url_prefix="/devices")


@bp.get("")
@signed_in
@api(out=DevicesOut, errors=(401,))
def list_devices(caller: Caller) -> dict[str, Any]:
    """List the devices whose sign-ins skip the second factor."""
    return {"devices": devices.of_user(caller.user_id)}


@bp.delete("/<id:id>")
@signed_in
@api(errors=(401, 404))
def end_device(caller: Caller, id: uuid.UUID) -> None:
    """End the trust in one device immediately."""
    devices.end(id, user_id=caller.user_id, client=client_info())


@bp.delete("")
@signed_in
@api(errors=(401,))
def end_devices(caller: Caller) -> None:
    """End the trust in all devices immediately."""
    devices.end_own(caller.user_id, client=client_info())
