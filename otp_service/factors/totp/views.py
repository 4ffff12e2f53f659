"""The routes that add and remove an authenticator app."""

from typing import Any

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.removal_schemas import RemovalOut, present_removal
from otp_service.factors.totp import factor
from otp_service.factors.totp.factor import Enrolment
from otp_service.factors.totp.schemas import TotpBegunOut, TotpConfirmedOut, TotpConfirmIn
from otp_service.sessions import Caller, fresh_sign_in, strongest_sign_in

bp = Blueprint("totp", __name__, url_prefix="/factors/totp")


@bp.post("")
@strongest_sign_in
@api(out=TotpBegunOut, errors=(401, 403, 409))
def begin(caller: Caller) -> Enrolment:
    """Issue a secret for an authenticator app. The app counts as a factor once it is confirmed."""
    return factor.begin(caller.user_id)


@bp.post("/confirm")
@strongest_sign_in
@api(body=TotpConfirmIn, out=TotpConfirmedOut, errors=(400, 401, 403, 404, 409, 503))
def confirm(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Add the authenticator app by its first code."""
    return {"message": "Authenticator app added.", **factor.confirm(caller, code=body["code"], client=client_info())}


@bp.delete("")
@fresh_sign_in
@api(later=RemovalOut, errors=(401, 403, 404))
def remove(caller: Caller) -> dict[str, Any] | None:
    """Remove the authenticator app: at once, or later after a sign-in with a weaker factor (202)."""
    return present_removal(factor.remove(caller, client=client_info()))
