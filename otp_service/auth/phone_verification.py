"""Sends and verifies codes for a person that a request names by a challenge, an address or a number."""

import uuid
from dataclasses import asdict, dataclass

from otp_service import audit, verifications
from otp_service.accounts import known_clients, registrations, users
from otp_service.accounts.settings import ExistenceSettings
from otp_service.accounts.users import Account
from otp_service.auth import challenges, sign_in
from otp_service.auth.sign_in import Verified
from otp_service.core import background, clock, tasks
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.tasks import Task
from otp_service.core.web.tracing import ClientInfo, concerns
from otp_service.factors import registry
from otp_service.factors.phone import PHONE, codes
from otp_service.factors.phone.codes import PhoneOwner
from otp_service.providers import Channel
from otp_service.verifications import Asker, Purpose, Recipient, limits
from otp_service.verifications.errors import OtpSendLimit
from otp_service.verifications.settings import DeliverySettings

_TASK = "code by name"


@dataclass(frozen=True, slots=True)
class Named:
    """How the request names the person: by exactly one of the first three. The last one shows a known device."""

    challenge_token: str | None = None
    email: str | None = None
    phone_number: str | None = None
    device_token: str | None = None

    @property
    def name(self) -> str:
        """The canonical address or the E.164 number."""
        return self.email or self.phone_number or ""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A code that is sent if there is an account of that name; times in seconds."""

    channel: Channel
    expires_in: int
    resend_after: int


def request(named: Named, *, channel: Channel | None, client: ClientInfo) -> verifications.Delivery | Announcement:
    """Send a code. Raises InvalidToken, UserNotFound, MethodNotEnrolled and what `verifications.send` raises.

    Raises ChannelNotAllowed for a caller who only names a person.

    While existence is hidden, an address or a number always gets an announcement. Then only faults of the number itself
    and limits by name are raised.
    """
    if named.challenge_token is not None:
        challenge = challenges.find_open(named.challenge_token, now=clock.now())
        sign_in.require_strong_enough(challenge, PHONE)
        registry.require_phone(challenge.account.id)
        recipient = sign_in.recipient(challenge.account, challenge.id, is_known=challenge.is_known)
        return verifications.send(recipient, channel=channel, client=client)
    if channel is not None:
        # Before anyone is looked up: the request alone decides, so the error reveals no account.
        verifications.check_anonymous_channel(channel)
    if settings().of(ExistenceSettings).hidden:
        return _announce(named, channel or Channel(settings().of(DeliverySettings).channel), client)
    return _send(named, channel, client)


def _carry_out(task: Task) -> None:
    if verifications.find_started(task.effect_ids) is None:
        named, client = Named(**task.values["named"]), ClientInfo(**task.values["client"])
        _send(named, Channel(task.values["channel"]), client, verification_id=task.effect_ids[-1])


tasks.carried_out_by(_TASK, _carry_out)


def _send(
    named: Named, channel: Channel | None, client: ClientInfo, *, verification_id: uuid.UUID | None = None
) -> verifications.Delivery:
    account = _account_of(named)
    owner, purpose, number = PhoneOwner(account.id), Purpose.PHONE_VERIFICATION, account.reachable_number()
    # The caller only named the account: it may use a part of the sends, or it could use up the owner's (ADR 13).
    asker = Asker.BY_NAME if account.is_verified or sign_in.may_be_strangers_number(account) else Asker.ASKED
    asker = Asker.HOLDER if _is_known(account, named, client) else asker
    recipient = Recipient(
        owner,
        number,
        purpose,
        account.locale,
        asker=asker,
        verification_id=verification_id,
        has_other_proof=account.email_verified,
    )
    return verifications.send(recipient, channel=channel, client=client)


def _announce(named: Named, channel: Channel, client: ClientInfo) -> Announcement:
    """Count the request by name, and look the name up only after the response (ADR 18)."""
    # What is wrong with the number itself says nothing about an account, so it may be raised now.
    if named.phone_number is not None:
        channel = verifications.find_destination(named.phone_number, channel).channel
    # The place first: a code that was announced must not be dropped.
    with background.place() as run_later:
        try:
            limits.take_named_send(Purpose.PHONE_VERIFICATION, named.name, ip=client.ip, now=clock.now())
        except OtpSendLimit:
            # Only strangers have used their share up: a client that the account knows has the owner's (ADR 13).
            account = users.find_by_recipient(email=named.email, phone_number=named.phone_number)
            if account is None or not _is_known(account, named, client):
                raise
        run_later(_TASK, {"named": asdict(named), "channel": channel, "client": asdict(client)})
    return Announcement(channel, settings().codes.ttl_seconds, settings().codes.cooldown_seconds)


def verify(named: Named, *, code: str, remember: bool, client: ClientInfo) -> Verified:
    """Verify a code. The holder of a challenge gets tokens; for an address or a number, only the phone is verified.

    Raises InvalidToken, UserNotFound, OtpInvalid, TooManyAttempts, AuthenticatorDisabled, ProviderUnavailable,
    ProviderRefused. While existence is hidden, see `codes.check_by_name`.
    """
    if named.challenge_token is not None:
        return sign_in.complete(named.challenge_token, PHONE, {"code": code}, remember=remember, client=client)
    if settings().of(ExistenceSettings).hidden:
        return codes.check_by_name(
            Purpose.PHONE_VERIFICATION, named.name, lambda: _verify(named, code, client), client=client
        )
    return _verify(named, code, client)


def _verify(named: Named, code: str, client: ClientInfo) -> Verified:
    account = _account_of(named)
    # A stranger's wrong codes must not use up the tries of an owner who has verified the phone (ADR 13).
    asker = Asker.BY_NAME if account.is_verified else Asker.NEW
    proof = codes.prove(account.id, code=code, purpose=Purpose.PHONE_VERIFICATION, client=client, asker=asker)
    now = clock.now()
    with transaction():
        facts = proof.redeem(client=client, now=now)
        audit.append("otp.verified", user_id=account.id, client=client, at=now, **facts)
        if not account.is_verified:
            # The password was not asked for, so the registrant may be a stranger to the number (ADR 34).
            registrations.void_prepared(account, now=now)
        # While strangers make the account wait, this is the way in for a new device: possession first (ADR 36).
        known_clients.remember_verified(account.id, client=client, now=now)
    return Verified(account.id, known_device_token=known_clients.issue(account.id, kind=known_clients.PROOF, now=now))


def _is_known(account: Account, named: Named, client: ClientInfo) -> bool:
    return known_clients.is_known(account.email, device_token=named.device_token, client=client, now=clock.now())


def _account_of(named: Named) -> Account:
    account = users.get_by_recipient(email=named.email, phone_number=named.phone_number)
    concerns(account.id)
    return account
