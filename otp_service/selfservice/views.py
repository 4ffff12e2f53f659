"""The routes of a signed-in person: `/account/*` and `/profile`."""

from dataclasses import asdict
from typing import Any

import orjson
from flask import Blueprint, Response

from otp_service.accounts import email_verification, profiles
from otp_service.auth.responses import present_delivery
from otp_service.auth.schemas import EmailMessageOut, OtpSentOut
from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.phone.factor import RISK
from otp_service.selfservice import password_change, personal_data, phone_change, phone_undo, schemas
from otp_service.selfservice.phone_undo import Evidence
from otp_service.sessions import Caller, browsers, fresh_despite_hold, fresh_sign_in, signed_in, token_bearer

UNDONE = "Your phone number is as before. All sessions were ended."
FROZEN = (
    "The link alone does not show who you are, so the account was frozen and all sessions were ended. "
    "The phone number was not changed. Contact the operator, who can unlock the account."
)

profile = Blueprint("accounts", __name__)
account = Blueprint("account", __name__, url_prefix="/account")


@profile.get("/profile", endpoint="profile")
@token_bearer
@api(out=schemas.ProfileOut, errors=(401, 403))
def show_profile(caller: Caller) -> dict[str, Any]:
    """Get the profile of the signed-in person."""
    return {"message": "Access granted to protected resource.", "user": profiles.show(caller)}


@profile.patch("/profile")
@token_bearer
@api(body=schemas.ProfileIn, out=schemas.ProfileOut, errors=(400, 401, 403))
def edit_profile(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Change the display name or the language; omitted fields keep their values."""
    edited = profiles.edit(caller, body, client=client_info())
    return {"message": "Profile updated.", "user": edited}


@profile.get("/account/events")
@signed_in
@api(query=schemas.EventsIn, out=schemas.EventsOut, errors=(400, 401))
def events(query: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """List the security events of the account, newest first."""
    return personal_data.events(caller.user_id, cursor=query.get("cursor"))


@account.post("/password")
@request_limits.failed_login
@fresh_despite_hold
@api(body=schemas.PasswordChangeIn, out=schemas.PasswordChangedOut, errors=(401, 403, 503))
@browsers.renews_tokens
def change_password(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Change the password. Every other session ends; this one gets new tokens."""
    tokens = password_change.change(caller, **body, client=client_info())
    return {"message": "Password changed. Other sessions were ended.", **asdict(tokens)}


@account.post("/email")
@request_limits.otp
@fresh_sign_in
@api(body=schemas.EmailIn, out=EmailMessageOut, status=202, errors=(401, 403, 409))
def change_email(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Send a link to a new address. The account changes to it once the link is used."""
    email_verification.request_change(caller, email=body["email"], client=client_info())
    return {"message": "A link is on its way to the new address, which becomes yours once it is opened."}


@account.post("/phone")
@request_limits.otp
@fresh_sign_in
@api(body=schemas.PhoneChangeIn, out=OtpSentOut, errors=(401, 403, 409, 422, 502, 503))
def change_phone(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Send a code to a new number. The account changes to it once the code is verified."""
    number, channel = body["phone_number"], body.get("channel")
    return present_delivery(phone_change.request(caller, phone_number=number, channel=channel, client=client_info()))


@account.post("/phone/verify")
@request_limits.otp
@fresh_sign_in
@api(body=schemas.PhoneChangeConfirmIn, out=schemas.PhoneChangedOut, errors=(401, 403, 502, 503))
def confirm_phone(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Verify the new number, which becomes the account's. Every other session ends; the person is notified."""
    number, token = phone_change.confirm(caller, code=body["otp_code"], client=client_info())
    message = "Phone number changed successfully. Other sessions were ended."
    return {"message": message, "phone_number": number, "notice": RISK, **asdict(token)}


@account.post("/phone/undo")
@request_limits.otp
@api(body=schemas.UndoIn, out=schemas.UndoOut, others={202: schemas.UndoOut}, errors=(401, 403, 409, 503))
def undo_phone(body: dict[str, Any]) -> dict[str, Any] | Response:
    """Undo a change of number with the token from the e-mail and the password or another factor.

    All sessions end, and no new one starts. Without password and factor the account is frozen until the operator
    unlocks it, and the number stays as it is (202).
    """
    if phone_undo.undo(body["token"], evidence=Evidence(**body["evidence"]), client=client_info()):
        return {"message": UNDONE, "frozen": False}
    text = orjson.dumps(schemas.UndoOut().dump({"message": FROZEN, "frozen": True}), option=orjson.OPT_APPEND_NEWLINE)
    return Response(text, status=202, mimetype="application/json", headers={"Cache-Control": "no-store"})


@account.post("/phone/undo/options")
@request_limits.otp
@api(body=schemas.UndoTokenIn, out=schemas.UndoOptionsOut, errors=(401, 409))
def offer_undo(body: dict[str, Any]) -> dict[str, Any]:
    """Get the methods that an undo accepts besides the password, and the options of a passkey."""
    return phone_undo.offer(body["token"], client=client_info())


@account.get("/export")
@signed_in
@api(out=schemas.ExportOut, errors=(401,))
def export(caller: Caller) -> dict[str, Any]:
    """Export everything that is stored about the person."""
    return personal_data.export(caller.user_id)


@account.delete("")
@request_limits.failed_login
@fresh_sign_in
@api(body=schemas.ErasureIn, later=schemas.ErasureOut, errors=(401, 403, 503))
def erase(body: dict[str, Any], caller: Caller) -> dict[str, Any] | None:
    """Delete the account and its data. All sessions end at once.

    The data are erased after ACCOUNT_DELETION_DAYS (202); a sign-in before then keeps the account. With 0 days they are
    erased at once (204).
    """
    erased_at = personal_data.erase_own(caller, password=body["password"], client=client_info())
    if erased_at is None:
        return None
    message = f"Your account will be deleted on {erased_at:%Y-%m-%d %H:%M} UTC. To keep it, sign in before then."
    return {"message": message, "erased_at": erased_at}
