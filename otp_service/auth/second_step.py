"""The second step of a sign-in: any factor of the user's meets the challenge that the password earned."""

from dataclasses import dataclass
from typing import Any

from otp_service.auth import challenges
from otp_service.auth.session_opening import open_session
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import registry, trusted_devices
from otp_service.factors.contract import Ask, Factor
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.sessions import Tokens
from otp_service.verifications import Purpose


@dataclass(frozen=True, slots=True)
class Verified:
    """Who proved a factor; for the holder of a challenge tokens, and what the device is known by from now on."""

    user_id: int
    tokens: Tokens | None = None
    device_token: str | None = None
    enrolment_required: bool = False


def offer(challenge_token: str, factor: Factor, *, client: ClientInfo) -> dict[str, Any]:
    """What the client needs to answer with this factor. Raises InvalidToken and what Factor.offer raises."""
    challenge = challenges.find_open(challenge_token, now=clock.now())
    return factor.offer(_ask(challenge, client))


def meet(
    challenge_token: str, factor: Factor, answer: dict[str, Any], *, remember: bool, client: ClientInfo
) -> Verified:
    """Sign the holder of the challenge in with a right answer; `remember` spares this device the next second step.

    Raises InvalidToken, MethodNotEnrolled where the phone is not enough, and what Factor.prove raises.
    """
    challenge = challenges.find_open(challenge_token, now=clock.now())
    user_id, acr = challenge.account.id, registry.level_of(factor)
    if acr != "aal2" and acr != registry.best_level(registry.methods(user_id)):
        raise MethodNotEnrolled
    proof = factor.prove(_ask(challenge, client), answer)
    now = clock.now()
    with transaction():
        challenges.spend(challenge, now=now)
        proof.redeem(client=client, now=now)
        tokens = open_session(user_id, amr=("pwd", *proof.amr), acr=acr, client=client, now=now)
        device_token = trusted_devices.remember(user_id, client=client, now=now) if remember else None
        return Verified(user_id, tokens, device_token, enrolment_required=acr != "aal2")


def _ask(challenge: challenges.Open, client: ClientInfo) -> Ask:
    return Ask(user_id=challenge.account.id, purpose=Purpose.SIGN_IN, bound_to=challenge.id, client=client)
