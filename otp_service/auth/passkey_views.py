"""The routes of a sign-in with a passkey alone."""

from typing import Any

from flask import Blueprint

from otp_service.auth import passkeys
from otp_service.auth.responses import present_signed_in
from otp_service.auth.schemas import VerifiedOut
from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.webauthn.schemas import PasskeyIn, RequestOptionsOut

bp = Blueprint("passkeys", __name__, url_prefix="/auth")


@bp.post("/passkey/options")
@request_limits.otp
@api(out=RequestOptionsOut, errors=(409,))
def offer() -> Any:
    """Get what the browser needs to let the person choose a passkey."""
    return passkeys.offer()


@bp.post("/passkey")
@request_limits.failed_login
@api(body=PasskeyIn, out=VerifiedOut, errors=(401, 403, 409))
def sign_in(body: dict[str, Any]) -> dict[str, Any]:
    """Sign in with a passkey alone; it must have checked PIN or biometrics."""
    return present_signed_in(passkeys.sign_in(body["credential"], client=client_info()))
