"""The routes of all factors together; the routes of one factor stand in its folder."""

from typing import Any

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors import defaults, registry
from otp_service.factors.schemas import DefaultIn, FactorsOut
from otp_service.sessions import Caller, settled_sign_in, signed_in

bp = Blueprint("factors", __name__)


@bp.get("/factors")
@signed_in
@api(out=FactorsOut, errors=(401,))
def list_factors(caller: Caller) -> dict[str, Any]:
    """List the factors of the signed-in person, without their secrets."""
    default = defaults.of_user(caller.user_id, registry.methods(caller.user_id))
    return {"factors": registry.describe(caller.user_id), "default_method": default}


@bp.put("/factors/default")
@settled_sign_in
@api(body=DefaultIn, errors=(401, 403, 409))
def choose_default(body: dict[str, Any], caller: Caller) -> None:
    """Choose the method that a sign-in asks for first."""
    defaults.choose(caller.user_id, body["method"], client=client_info())
