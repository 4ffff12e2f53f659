"""Sends and takes codes for people named by a challenge, an address or a number."""

import uuid
from dataclasses import dataclass

from otp_service.accounts import users
from otp_service.accounts.users import Account
from otp_service.auth import challenges
from otp_service.core import clock
from otp_service.core.tracing import ClientInfo
from otp_service.factors import otp
from otp_service.sinch import Channel


@dataclass(frozen=True, slots=True)
class Named:
    """How the client names the person: exactly one of these."""

    challenge_token: str | None = None
    email: str | None = None
    phone_number: str | None = None


def login_recipient(account: Account, challenge_id: uuid.UUID) -> otp.Recipient:
    """A code that signs the holder of the challenge in."""
    return otp.Recipient(account.id, account.phone_number, otp.Purpose.LOGIN, account.locale, challenge_id)


def request(named: Named, *, channel: Channel | None, client: ClientInfo) -> otp.Delivery:
    """Send a code. Raises InvalidToken, UserNotFound and what `otp.send` raises."""
    if named.challenge_token is not None:
        challenge = challenges.find_open(named.challenge_token, now=clock.now())
        recipient = login_recipient(challenge.account, challenge.id)
    else:
        account = users.get_by_recipient(email=named.email, phone_number=named.phone_number)
        purpose, is_anonymous = otp.Purpose.PHONE_VERIFICATION, account.is_verified
        recipient = otp.Recipient(account.id, account.phone_number, purpose, account.locale, is_anonymous=is_anonymous)
    return otp.send(recipient, channel=channel, client=client)


def verify_phone(named: Named, *, code: str, client: ClientInfo) -> int:
    """Prove the number with the live code, whichever call sent it; opens no session. Returns the user's id.

    Raises UserNotFound, OtpInvalid, TooManyAttempts, AuthenticatorDisabled, ProviderUnavailable, ProviderRefused.
    """
    account = users.get_by_recipient(email=named.email, phone_number=named.phone_number)
    proof = otp.prove(
        user_id=account.id,
        code=code,
        purpose=otp.Purpose.PHONE_VERIFICATION,
        client=client,
        is_anonymous=account.is_verified,
    )
    otp.redeem(proof, client=client, now=clock.now())
    return account.id
