"""The account's routes."""

from typing import Any

from flask import Blueprint

from otp_service.accounts import profiles
from otp_service.accounts.schemas import ProfileOut
from otp_service.core.api import api
from otp_service.sessions import Caller, signed_in

bp = Blueprint("accounts", __name__)


@bp.get("/profile")
@signed_in
@api(out=ProfileOut, errors=(401, 403))
def profile(caller: Caller) -> dict[str, Any]:
    """Tell the signed-in person who they are."""
    return {"message": "Access granted to protected resource.", "user": profiles.show(caller.user_id)}
