"""The account's routes."""

from typing import Any

from flask import Blueprint

from otp_service.accounts import profiles
from otp_service.accounts.schemas import EventsIn, EventsOut, ProfileIn, ProfileOut
from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.sessions import Caller, signed_in, token_bearer

bp = Blueprint("accounts", __name__)


@bp.get("/profile")
@token_bearer
@api(out=ProfileOut, errors=(401, 403))
def profile(caller: Caller) -> dict[str, Any]:
    """Tell the signed-in person who they are."""
    return {"message": "Access granted to protected resource.", "user": profiles.show(caller)}


@bp.patch("/profile")
@token_bearer
@api(body=ProfileIn, out=ProfileOut, errors=(400, 401, 403))
def edit_profile(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Change the display name or the language; what is not named stays."""
    account = profiles.edit(caller, body, client=client_info())
    return {"message": "Profile updated.", "user": account}


@bp.get("/account/events")
@signed_in
@api(query=EventsIn, out=EventsOut, errors=(400, 401))
def events(query: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Tell what happened to the account, newest first."""
    return profiles.events(caller.user_id, cursor=query.get("cursor"))
