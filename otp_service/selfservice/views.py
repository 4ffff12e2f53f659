"""The routes that change what protects an account, and those that hand out or erase all of it."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint

from otp_service.auth.presenters import present_delivery
from otp_service.auth.schemas import OtpSentOut
from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.selfservice import erasing, exporting, password_change, phone_change, schemas
from otp_service.sessions import Caller, fresh_sign_in, signed_in
from otp_service.verifications.texts import RISK

bp = Blueprint("account", __name__, url_prefix="/account")


@bp.post("/password")
@request_limits.failed_login
@fresh_sign_in
@api(body=schemas.PasswordChangeIn, out=schemas.PasswordChangedOut, errors=(401, 403, 503))
def change_password(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Change the password; every other session ends, this one is given new tokens."""
    tokens = password_change.change(caller, **body, client=client_info())
    return {"message": "Password changed. Other sessions were ended.", **asdict(tokens)}


@bp.post("/phone")
@request_limits.otp
@fresh_sign_in
@api(body=schemas.PhoneChangeIn, out=OtpSentOut, errors=(401, 403, 409, 422, 502, 503))
def change_phone(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Send a code to a new number; it becomes the account's once the code is proven."""
    number, channel = body["phone_number"], body.get("channel")
    return present_delivery(phone_change.ask(caller, phone_number=number, channel=channel, client=client_info()))


@bp.post("/phone/verify")
@request_limits.otp
@fresh_sign_in
@api(body=schemas.PhoneChangeConfirmIn, out=schemas.PhoneChangedOut, errors=(401, 403, 502, 503))
def confirm_phone(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Prove the new number: from now on it is the account's. Every other session ends; the person is told."""
    number = phone_change.confirm(caller, code=body["otp_code"], client=client_info())
    message = "Phone number changed successfully. Other sessions were ended."
    return {"message": message, "phone_number": number, "notice": RISK}


@bp.post("/phone/undo")
@request_limits.otp
@api(body=schemas.UndoIn, out=schemas.MessageOut, errors=(401, 409))
def undo_phone(body: dict[str, Any]) -> dict[str, Any]:
    """Undo a change of number with the token that was sent by e-mail. All sessions end; nobody is signed in."""
    phone_change.undo(body["token"], client=client_info())
    return {"message": "Your phone number is as before. All sessions were ended."}


@bp.get("/export")
@signed_in
@api(out=schemas.ExportOut, errors=(401,))
def export(caller: Caller) -> dict[str, Any]:
    """Tell everything that is stored about the person."""
    return exporting.export(caller.user_id)


@bp.delete("")
@request_limits.failed_login
@signed_in
@api(body=schemas.ErasureIn, errors=(401, 503))
def erase(body: dict[str, Any], caller: Caller) -> None:
    """Erase the account and all that is its own, for good."""
    erasing.erase_own(caller, password=body["password"], client=client_info())
