"""The routes of a person's own trusted devices."""

import uuid
from typing import Any

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.trusted_devices import records
from otp_service.factors.trusted_devices.schemas import DevicesOut
from otp_service.sessions import Caller, signed_in

bp = Blueprint("trusted_devices", __name__, url_prefix="/devices")


@bp.get("")
@signed_in
@api(out=DevicesOut, errors=(401,))
def list_devices(caller: Caller) -> dict[str, Any]:
    """List the devices that are spared the second factor."""
    return {"devices": records.of_user(caller.user_id)}


@bp.delete("/<uuid:id>")
@signed_in
@api(errors=(401, 404))
def end_device(caller: Caller, id: uuid.UUID) -> None:
    """Trust one device no more, at once."""
    records.end(id, user_id=caller.user_id, client=client_info())


@bp.delete("")
@signed_in
@api(errors=(401,))
def end_devices(caller: Caller) -> None:
    """Trust no device any more, at once."""
    records.end_own(caller.user_id, client=client_info())
