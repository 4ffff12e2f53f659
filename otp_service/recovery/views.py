"""The routes of `/auth/password-reset`."""

from typing import Any

from flask import Blueprint

from otp_service.captcha import Route, checks_captcha
from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.tracing import ClientInfo, client_info
from otp_service.recovery import password_reset, schemas
from otp_service.recovery.password_reset import Confirmation

bp = Blueprint("recovery", __name__, url_prefix="/auth")
REQUESTED = "If this address belongs to an account with a verified phone, a code is on its way to that phone."


@bp.post("/password-reset")
@request_limits.otp
@api(body=schemas.PasswordResetIn, out=schemas.PasswordResetOut, status=202, errors=(403, 503))
@checks_captcha(Route.PASSWORD_RESET)
def request_reset(body: dict[str, Any], client: ClientInfo) -> dict[str, Any]:
    """Send a code for a new password. The response is the same whether or not there is an account."""
    password_reset.request(**body, client=client)
    return {"message": REQUESTED}


@bp.post("/password-reset/confirm")
@request_limits.otp
@api(body=schemas.PasswordResetConfirmIn, errors=(401, 403, 502))
def confirm_reset(body: dict[str, Any]) -> None:
    """Set a new password with the code. All sessions end, and no new one starts."""
    password_reset.confirm(Confirmation(**body), client=client_info())
