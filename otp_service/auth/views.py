"""The routes of `/auth/*`, except `/auth/password-reset` (package `recovery`).

Each factor of the registry gets a route below `/auth/mfa`, and a second one if it has something to offer first.
A factor that signs in alone gets two routes of its own.
"""

from dataclasses import asdict
from typing import Any

from flask import Blueprint

from otp_service import sessions
from otp_service.accounts import email_release, email_verification
from otp_service.accounts.password_hashing import refused_early
from otp_service.auth import (
    known_devices,
    password_links,
    phone_verification,
    registration,
    schemas,
    session_opening,
    sign_in,
    sign_out,
    step_up,
)
from otp_service.auth.phone_verification import Named
from otp_service.auth.responses import (
    present_delivery,
    present_registered,
    present_sign_in,
    present_signed_in,
    present_verified,
)
from otp_service.captcha import Route, checks_captcha
from otp_service.core.web import request_limits
from otp_service.core.web.api import View, api
from otp_service.core.web.tracing import ClientInfo, client_info
from otp_service.factors.contract import AloneSignIn, Factor
from otp_service.factors.registry import FACTORS
from otp_service.sessions import Caller, SteppedUp, Tokens, browsers, signed_in

bp = Blueprint("auth", __name__, url_prefix="/auth")
mfa = Blueprint("mfa", __name__, url_prefix="/auth/mfa")
email = Blueprint("email", __name__, url_prefix="/auth/verify-email")


@bp.post("/register")
@refused_early
@request_limits.register
@api(body=schemas.RegisterIn, out=schemas.RegisteredOut, status=201, errors=(400, 403, 409, 422, 503))
@checks_captcha(Route.REGISTER)
def register(body: dict[str, Any], client: ClientInfo) -> dict[str, Any]:
    """Register with e-mail, password and phone."""
    return present_registered(registration.register(**body, client=client))


@bp.post("/login")
@refused_early
@request_limits.failed_login
@api(body=schemas.LoginIn, out=schemas.LoginOut, errors=(400, 401, 403, 503))
@browsers.hands_out_tokens
@checks_captcha(Route.LOGIN)
def login(body: dict[str, Any], client: ClientInfo) -> dict[str, Any]:
    """Check the password. If a second factor is due, issue a challenge and send the code."""
    return present_sign_in(sign_in.login(**body, client=client))


@bp.post("/login/number")
@refused_early
@request_limits.failed_login
@api(body=schemas.NumberLoginIn, out=schemas.LoginOut, errors=(400, 401, 403, 503))
@browsers.hands_out_tokens
@checks_captcha(Route.LOGIN)
def login_by_number(body: dict[str, Any], client: ClientInfo) -> dict[str, Any]:
    """Check the password of an account without an e-mail address, named by its phone number.

    An account loses its address when the owner of the mailbox takes it back. Any other account signs in by its address.
    """
    return present_sign_in(sign_in.login_by_number(**body, client=client))


@bp.post("/request-otp")
@request_limits.otp
@api(body=schemas.RequestOtpIn, out=schemas.OtpSentOut, errors=(400, 401, 403, 404, 409, 422, 502, 503))
@checks_captcha(Route.REQUEST_OTP)
def request_otp(body: dict[str, Any], client: ClientInfo) -> dict[str, Any]:
    """Send a one-time code."""
    named, channel = Named(**body["named"], device_token=body.get("device_token")), body.get("channel")
    return present_delivery(phone_verification.request(named, channel=channel, client=client))


@bp.post("/verify-otp")
@request_limits.otp
@api(body=schemas.VerifyOtpIn, out=schemas.PhoneVerifiedOut, errors=(400, 401, 403, 404, 409, 502, 503))
@browsers.hands_out_tokens
def verify_otp(body: dict[str, Any]) -> dict[str, Any]:
    """Verify the phone with the code. The holder of a challenge is signed in."""
    named, code, remember = Named(**body["named"]), body["otp_code"], body["remember_device"]
    return present_verified(phone_verification.verify(named, code=code, remember=remember, client=client_info()))


@bp.post("/known-device/request")
@request_limits.otp
@api(body=schemas.KnownDeviceRequestIn, out=schemas.KnownDeviceOut, status=202, errors=(503,))
def request_known_device(body: dict[str, Any]) -> dict[str, Any]:
    """Send an e-mail that makes a new device known, for a person whose account waits after wrong passwords."""
    known_devices.request(**body, client=client_info())
    return {"message": "If this address belongs to an account, an e-mail is on its way to it."}


@bp.post("/known-device")
@request_limits.otp
@api(body=schemas.KnownDeviceIn, out=schemas.KnownDeviceOut, errors=(401,))
def become_known(body: dict[str, Any]) -> dict[str, Any]:
    """Make this client known with the token of an e-mail. No session starts."""
    token = known_devices.confirm(body["token"], client=client_info())
    return {"message": "You can sign in from here for the next 15 minutes.", "known_device_token": token}


@bp.post("/set-password")
@request_limits.otp
@api(body=schemas.SetPasswordIn, errors=(401, 503))
def set_password(body: dict[str, Any]) -> None:
    """Set a password with a link from an operator. All sessions end, and no new one starts."""
    password_links.set_password(**body, client=client_info())


@email.post("")
@request_limits.otp
@api(body=schemas.EmailTokenIn, out=schemas.EmailVerifiedOut, errors=(401, 403, 409, 503))
def verify_email(body: dict[str, Any]) -> dict[str, Any]:
    """Verify an e-mail address with the token of a link. No session starts.

    A link to a new address changes it. That needs the access token of the session that requested the change, or the
    account's password.
    """
    token, password = body["token"], body.get("password")
    caller = sessions.find_caller()
    outcome, renewed = email_verification.verify(token, caller=caller, password=password, client=client_info())
    return {"message": outcome.value, **(asdict(renewed) if renewed is not None else {})}


@email.post("/resend")
@request_limits.otp
@signed_in
@api(out=schemas.EmailMessageOut, status=202, errors=(401, 409))
def resend_link(caller: Caller) -> dict[str, Any]:
    """Send another link to the account's address. Earlier links stop working."""
    email_verification.resend(caller, client=client_info())
    return {"message": "A link is on its way to your email address."}


@bp.post("/release-email")
@request_limits.otp
@api(body=schemas.EmailReleaseIn, out=schemas.EmailMessageOut, errors=(401, 409))
def release_email(body: dict[str, Any]) -> dict[str, Any]:
    """Take an e-mail address from an account that never verified it, with the token of a link to that address."""
    email_release.release(body["token"], client=client_info())
    return {"message": "The address was released. You can register with it now."}


@bp.post("/refresh")
@request_limits.refresh
@api(body=schemas.RefreshIn, out=schemas.TokensOut, errors=(400, 401, 403), cookie_instead=browsers.sends_cookie)
@browsers.exchanges_token
def refresh(refresh_token: str) -> Tokens:
    """Exchange a refresh token for new tokens. The old one stops working.

    A browser sends the cookie with the refresh token, and gets its successor in a cookie.
    """
    return session_opening.refresh(refresh_token, client=client_info())


@bp.post("/logout")
@api(errors=(400, 401, 403))
@browsers.leaves
def logout(caller: Caller | None, refresh_token: str | None) -> None:
    """End this session immediately. A browser with the cookie needs no access token."""
    sign_out.here(caller, refresh_token, client=client_info())


@bp.post("/logout-all")
@signed_in
@api(errors=(401,))
@browsers.ends_cookies
def logout_all(caller: Caller) -> None:
    """End all sessions of the signed-in person, including this one."""
    sign_out.everywhere(caller.user_id, client=client_info())


@bp.post("/step-up/request")
@request_limits.otp
@signed_in
@api(body=schemas.StepUpCodeIn, out=schemas.OtpSentOut, errors=(401, 403, 409, 422, 502, 503))
def request_step_up_code(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Send a code for a step-up of this session."""
    return present_delivery(step_up.request_code(caller, channel=body.get("channel"), client=client_info()))


@bp.post("/step-up/options")
@request_limits.otp
@signed_in
@api(body=schemas.StepUpOptionsIn, out=schemas.OfferOut, errors=(401, 409))
def step_up_options(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Get what a step-up by a method needs: options for a passkey or security key."""
    return step_up.offer(caller, method=body["method"], client=client_info())


@bp.post("/step-up")
@request_limits.failed_login
@signed_in
@api(body=schemas.StepUpIn, out=schemas.SteppedUpOut, errors=(401, 403, 409, 502, 503))
def confirm_step_up(body: dict[str, Any], caller: Caller) -> SteppedUp:
    """Sign in again within this session, for the routes that need a fresh sign-in."""
    return step_up.step_up(caller, **body, client=client_info())


def _response_route(factor: Factor) -> View:
    @request_limits.otp
    @api(body=schemas.challenge_response(factor), out=schemas.VerifiedOut, errors=(400, 401, 403, 409, 503))
    @browsers.hands_out_tokens
    def respond(body: dict[str, Any]) -> dict[str, Any]:
        challenge_token, remember = body.pop("challenge_token"), body.pop("remember_device")
        return present_signed_in(
            sign_in.complete(challenge_token, factor, body, remember=remember, client=client_info())
        )

    respond.__doc__ = f"Complete a sign-in with {factor.label}. Takes the challenge that the right password earned."
    return respond


def _offer_route(factor: Factor) -> View:
    @request_limits.otp
    @api(body=schemas.ChallengeIn, out=schemas.OfferOut, errors=(400, 401, 409))
    def offer(body: dict[str, Any]) -> dict[str, Any]:
        return sign_in.offer(body["challenge_token"], factor, client=client_info())

    offer.__doc__ = f"Get the options for completing a sign-in with {factor.label}."
    return offer


for _factor in FACTORS:
    if _factor.mfa_path is not None:
        mfa.post(f"/{_factor.mfa_path}", endpoint=_factor.kind)(_response_route(_factor))
        if _factor.offer is not None:
            mfa.post(f"/{_factor.mfa_path}/options", endpoint=f"{_factor.kind}_options")(_offer_route(_factor))


def _routes_of(alone: AloneSignIn) -> Blueprint:
    """Make the two routes of a sign-in by a factor alone."""
    routes = Blueprint(f"{alone.name}s", __name__, url_prefix=f"/auth/{alone.name}")

    @request_limits.otp
    @api(out=alone.options, errors=(409,))
    def offer() -> Any:
        return alone.offer()

    @request_limits.failed_login
    @api(body=alone.response, out=schemas.VerifiedOut, errors=(401, 403, 409))
    @browsers.hands_out_tokens
    def sign_in_alone(body: dict[str, Any]) -> dict[str, Any]:
        return present_signed_in(sign_in.sign_in_alone(alone, body, client=client_info()))

    offer.__doc__ = f"Get the options for a sign-in with a {alone.name} alone."
    sign_in_alone.__doc__ = f"Sign in with a {alone.name} alone. It counts as two factors, and no password is needed."
    routes.post("/options", endpoint="offer")(offer)
    routes.post("", endpoint="sign_in")(sign_in_alone)
    return routes


alone = tuple(_routes_of(factor.alone) for factor in FACTORS if factor.alone is not None)
