"""The sign-in routes."""

from typing import Any

from flask import Blueprint

from otp_service import sessions
from otp_service.auth import password_setting, phone_codes, registration, schemas, sign_in, step_up, step_up_schemas
from otp_service.auth.presenters import present_delivery, present_registered, present_sign_in, present_verified
from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.sessions import Caller, SteppedUp, Tokens, signed_in

bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.post("/register")
@request_limits.register
@api(body=schemas.RegisterIn, out=schemas.RegisteredOut, status=201, errors=(400, 409, 503))
def register(body: dict[str, Any]) -> dict[str, Any]:
    """Register with e-mail, password and phone."""
    return present_registered(registration.register(**body, client=client_info()))


@bp.post("/login")
@request_limits.failed_login
@api(body=schemas.LoginIn, out=schemas.LoginOut, errors=(400, 401, 503))
def login(body: dict[str, Any]) -> dict[str, Any]:
    """Check the password; a second factor, where one is due, is asked for and its code sent."""
    return present_sign_in(sign_in.login(**body, client=client_info()))


@bp.post("/request-otp")
@request_limits.otp
@api(body=schemas.RequestOtpIn, out=schemas.OtpSentOut, errors=(400, 401, 403, 404, 409, 422, 502, 503))
def request_otp(body: dict[str, Any]) -> dict[str, Any]:
    """Send a one-time code."""
    return present_delivery(phone_codes.request(body["named"], channel=body.get("channel"), client=client_info()))


@bp.post("/verify-otp")
@request_limits.otp
@api(body=schemas.VerifyOtpIn, out=schemas.VerifiedOut, errors=(400, 401, 403, 404, 409, 502, 503))
def verify_otp(body: dict[str, Any]) -> dict[str, Any]:
    """Prove the phone with the code; the holder of a challenge is signed in."""
    return present_verified(
        sign_in.verify(body["named"], code=body["otp_code"], remember=body["remember_device"], client=client_info())
    )


@bp.post("/set-password")
@request_limits.otp
@api(body=schemas.SetPasswordIn, errors=(401, 503))
def set_password(body: dict[str, Any]) -> None:
    """Set a password with a link from an operator; all sessions end, nobody is signed in."""
    password_setting.set_password(**body, client=client_info())


@bp.post("/refresh")
@request_limits.refresh
@api(body=schemas.RefreshIn, out=schemas.TokensOut, errors=(400, 401))
def refresh(body: dict[str, Any]) -> Tokens:
    """Exchange a refresh token for new tokens; the old one is dead."""
    return sign_in.refresh(body["refresh_token"], client=client_info())


@bp.post("/logout")
@signed_in
@api(errors=(401,))
def logout(caller: Caller) -> None:
    """End this session, at once."""
    sessions.end(caller.session_id, user_id=caller.user_id, client=client_info())


@bp.post("/logout-all")
@signed_in
@api(errors=(401,))
def logout_all(caller: Caller) -> None:
    """End all sessions of the signed-in person, including this one."""
    sessions.log_out_everywhere(caller.user_id, client=client_info())


@bp.post("/step-up/request")
@request_limits.otp
@signed_in
@api(body=step_up_schemas.StepUpCodeIn, out=schemas.OtpSentOut, errors=(401, 403, 409, 422, 502, 503))
def request_step_up_code(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Send a code for a step-up of this session."""
    return present_delivery(step_up.request_code(caller, channel=body.get("channel"), client=client_info()))


@bp.post("/step-up/options")
@request_limits.otp
@signed_in
@api(body=step_up_schemas.StepUpOptionsIn, out=schemas.OfferOut, errors=(401, 409))
def step_up_options(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Get what a step-up by a method needs: options for a passkey or security key."""
    return step_up.offer(caller, method=body["method"], client=client_info())


@bp.post("/step-up")
@request_limits.failed_login
@signed_in
@api(body=step_up_schemas.StepUpIn, out=step_up_schemas.SteppedUpOut, errors=(401, 403, 409, 502, 503))
def confirm_step_up(body: dict[str, Any], caller: Caller) -> SteppedUp:
    """Sign in anew within this session: a new access token that satisfies routes which want a fresh sign-in."""
    return step_up.step_up(caller, **body, client=client_info())
