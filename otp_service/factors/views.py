"""The routes of all factors together; the routes of one factor stand in its folder."""

import uuid
from typing import Any

from flask import Blueprint

from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors import defaults, registry, removals
from otp_service.factors.schemas import DefaultIn, FactorsOut, KeepIn, KeptOut
from otp_service.sessions import Caller, settled_sign_in, signed_in

bp = Blueprint("factors", __name__)


@bp.get("/factors")
@signed_in
@api(out=FactorsOut, errors=(401,))
def list_factors(caller: Caller) -> dict[str, Any]:
    """List the factors of the signed-in person, without their secrets."""
    default = defaults.of_user(registry.look_up(caller.user_id))
    return {"factors": registry.describe(caller.user_id), "default_method": default}


@bp.put("/factors/default")
@settled_sign_in
@api(body=DefaultIn, errors=(401, 403, 409))
def choose_default(body: dict[str, Any], caller: Caller) -> None:
    """Choose the method that a sign-in asks for first. A weaker one needs a sign-in as strong as the present one."""
    defaults.choose(caller, body["method"], client=client_info())


@bp.delete("/factors/removals/<id:id>")
@signed_in
@api(errors=(401, 404))
def keep_factor(caller: Caller, id: uuid.UUID) -> None:
    """Cancel a removal that waits, and keep the factor."""
    removals.cancel(id, user_id=caller.user_id, client=client_info())


@bp.post("/factors/removals/cancel")
@request_limits.otp
@api(body=KeepIn, out=KeptOut, errors=(401,))
def keep_factor_by_link(body: dict[str, Any]) -> dict[str, Any]:
    """Cancel a removal that waits, with the token of the e-mail about it. No session starts."""
    removals.cancel_by_link(body["token"], client=client_info())
    return {"message": "The removal was cancelled. Your sign-in method stays."}
