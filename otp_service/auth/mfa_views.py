"""The sign-in routes of the factors: one for each that the registry holds, and one more where it offers something."""

from typing import Any

from flask import Blueprint

from otp_service.auth import schemas, second_step
from otp_service.auth.presenters import present_signed_in
from otp_service.core.web import request_limits
from otp_service.core.web.api import View, api
from otp_service.core.web.tracing import client_info
from otp_service.factors.contract import Factor
from otp_service.factors.registry import FACTORS

bp = Blueprint("mfa", __name__, url_prefix="/auth")


def _answer_route(factor: Factor) -> View:
    @request_limits.otp
    @api(body=schemas.answer_to_challenge(factor), out=schemas.VerifiedOut, errors=(400, 401, 403, 409, 503))
    def answer(body: dict[str, Any]) -> dict[str, Any]:
        challenge_token, remember = body.pop("challenge_token"), body.pop("remember_device")
        return present_signed_in(
            second_step.meet(challenge_token, factor, body, remember=remember, client=client_info())
        )

    answer.__doc__ = f"Sign in with the challenge of a password and {factor.kind.replace('_', ' ')}."
    return answer


def _offer_route(factor: Factor) -> View:
    @request_limits.otp
    @api(body=schemas.ChallengeIn, out=schemas.OfferOut, errors=(400, 401, 409))
    def offer(body: dict[str, Any]) -> dict[str, Any]:
        return second_step.offer(body["challenge_token"], factor, client=client_info())

    offer.__doc__ = f"Get what a sign-in with {factor.kind.replace('_', ' ')} needs."
    return offer


for _factor in FACTORS:
    if _factor.path is not None:
        bp.post(f"/mfa/{_factor.path}", endpoint=_factor.kind)(_answer_route(_factor))
        if _factor.has_offer:
            bp.post(f"/mfa/{_factor.path}/options", endpoint=f"{_factor.kind}_options")(_offer_route(_factor))
