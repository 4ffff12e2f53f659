"""Sends and takes codes for people named by a challenge, an address or a number."""

import uuid
from dataclasses import dataclass

from otp_service import verifications
from otp_service.accounts import users
from otp_service.accounts.users import Account
from otp_service.auth import challenges
from otp_service.core import background, clock
from otp_service.core.settings import settings
from otp_service.core.web.tracing import ClientInfo, concerns
from otp_service.factors import registry
from otp_service.sinch import Channel
from otp_service.verifications import Purpose, by_name, fallback


@dataclass(frozen=True, slots=True)
class Named:
    """How the client names the person: exactly one of these."""

    challenge_token: str | None = None
    email: str | None = None
    phone_number: str | None = None

    @property
    def name(self) -> str:
        """The canonical address or the E.164 number."""
        return self.email or self.phone_number or ""


def login_recipient(account: Account, challenge_id: uuid.UUID) -> verifications.Recipient:
    """A code that signs the holder of the challenge in. Raises PhoneNumberMissing."""
    number = account.reachable_number()
    is_anonymous = _may_be_anothers(account)
    return verifications.Recipient(account.id, number, Purpose.SIGN_IN, account.locale, challenge_id, is_anonymous)


def _may_be_anothers(account: Account) -> bool:
    """While existence is hidden anybody can register with a number that another has proven."""
    return settings().existence.hidden and not account.is_verified


@dataclass(frozen=True, slots=True)
class Announcement:
    """A code that is on its way if there is an account by that name; times in seconds."""

    channel: Channel
    expires_in: int
    resend_after: int


def request(named: Named, *, channel: Channel | None, client: ClientInfo) -> verifications.Delivery | Announcement:
    """Send a code. Raises InvalidToken, UserNotFound, MethodNotEnrolled and what `otp.send` raises.

    While existence is hidden, an address or a number gets an announcement in any case: then only what is wrong with
    the number itself, and the limits by name, are told.
    """
    if named.challenge_token is not None:
        challenge = challenges.find_open(named.challenge_token, now=clock.now())
        registry.require_phone(challenge.account.id)
        return verifications.send(login_recipient(challenge.account, challenge.id), channel=channel, client=client)
    if settings().existence.hidden:
        return _announce(named, channel or Channel(settings().sinch_method), client)
    return _send(named, channel, client)


def _send(named: Named, channel: Channel | None, client: ClientInfo) -> verifications.Delivery:
    account = _account_of(named)
    purpose, number = Purpose.PHONE_VERIFICATION, account.reachable_number()
    is_anonymous = account.is_verified or _may_be_anothers(account)
    recipient = verifications.Recipient(account.id, number, purpose, account.locale, is_anonymous=is_anonymous)
    return verifications.send(recipient, channel=channel, client=client)


def _announce(named: Named, channel: Channel, client: ClientInfo) -> Announcement:
    """Count the request by name, and look whose name it is after the answer."""
    if named.phone_number is not None:
        channel = fallback.ways(named.phone_number, channel)[0].channel
    by_name.take_send(Purpose.PHONE_VERIFICATION, named.name, ip=client.ip, now=clock.now())
    background.run_later("code", lambda: _send(named, channel, client))
    return Announcement(channel, settings().otp_ttl_seconds, settings().otp_cooldown_seconds)


def verify_phone(named: Named, *, code: str, client: ClientInfo) -> int:
    """Prove the number with the live code, whichever call sent it; opens no session. Returns the user's id.

    Raises UserNotFound, OtpInvalid, TooManyAttempts, AuthenticatorDisabled, ProviderUnavailable, ProviderRefused.
    While existence is hidden, see by_name.check.
    """
    if settings().existence.hidden:
        return by_name.check(
            Purpose.PHONE_VERIFICATION, named.name, lambda: _verify(named, code, client), client=client
        )
    return _verify(named, code, client)


def _verify(named: Named, code: str, client: ClientInfo) -> int:
    account = _account_of(named)
    proof = verifications.prove(
        user_id=account.id,
        code=code,
        purpose=Purpose.PHONE_VERIFICATION,
        client=client,
        is_anonymous=account.is_verified,
    )
    verifications.redeem(proof, client=client, now=clock.now())
    return account.id


def _account_of(named: Named) -> Account:
    account = users.get_by_recipient(email=named.email, phone_number=named.phone_number)
    concerns(account.id)
    return account
