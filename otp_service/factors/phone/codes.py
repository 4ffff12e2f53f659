"""A user as the owner of codes: what their tries use up, and what a right code does for their account.

Once the number is verified, a caller who knows just an address or a number must not use up the tries that the holder
of a password needs. Such callers have a part of the hour, and a count in a row of their own (ADR 13).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, select

from otp_service import audit, verifications
from otp_service.accounts import numbers, users
from otp_service.accounts.errors import UserNotFound
from otp_service.accounts.numbers import Outcome
from otp_service.core import allowances, clock
from otp_service.core.addresses import site_of
from otp_service.core.allowances import HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import fetch_one, transaction
from otp_service.core.services import settings
from otp_service.core.web.even_timing import even_timing
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.errors import AuthenticatorDisabled
from otp_service.factors.throttle import WITHOUT_END
from otp_service.verifications import Asker, Purpose, limits, owner_of_user
from otp_service.verifications.errors import OtpInvalid, ProviderRefused, ProviderUnavailable, TooManyAttempts
from otp_service.verifications.states import ATTEMPTS_PER_CODE, STRANGERS_PER_CODE, TRIES_UNDER_ATTACK

KIND = "phone"
BY_NAME = "phone:anonymous"
"""The count of callers by name. From other networks than the one that asked for the code, their tries count for KIND
within the hour, too. In name order KIND comes first."""

NO_LIMIT = 2**31 - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PhoneOwner:
    """A user as the owner of codes. See verifications.Owner."""

    user_id: int

    @property
    def name(self) -> str:
        """The owner's name."""
        return owner_of_user(self.user_id)

    def hold(self) -> bool:
        """Keep the user from being deleted until the open transaction ends; return False if the user is gone."""
        return users.keep(self.user_id)

    def hold_for_send(self, asker: Asker) -> None:  # noqa: ARG002 - the same for all
        """Hold the user. Raises AuthenticatorDisabled, UserNotFound."""
        row = fetch_one(*_held_with_tries(self.user_id))
        if row is None:
            raise UserNotFound
        # Wrong codes of callers by name never stop a message: else strangers could disable a reset (ADR 13).
        if row.is_disabled:
            raise AuthenticatorDisabled

    def take_try(self, asker: Asker, *, client: ClientInfo, now: datetime) -> None:
        """Count a try, in the open transaction. Raises TooManyAttempts, AuthenticatorDisabled."""
        part = limits.strangers_tries(settings().codes.checks_per_hour)
        # Strangers never bring the phone nearer to being disabled: in a row their tries count for themselves (ADR 13).
        if asker is Asker.ASKED:
            allowances.take(self._tries_where_asked(client.ip), now=now)
            throttle.take(self.user_id, BY_NAME, client=client, now=now, per_hour=NO_LIMIT, in_a_row=WITHOUT_END)
            return
        in_a_row = throttle.TO_THE_END if asker is Asker.HOLDER else throttle.OUTSIDE_THE_ROW
        throttle.take(self.user_id, KIND, client=client, now=now, in_a_row=in_a_row)
        if asker is Asker.BY_NAME:
            throttle.take(self.user_id, BY_NAME, client=client, now=now, per_hour=part, in_a_row=WITHOUT_END)

    def give_back_try(self, asker: Asker, *, ip: str, taken_at: datetime) -> None:
        """Undo one `take_try`, in the open transaction."""
        if asker is Asker.ASKED:
            allowances.give_back(self._tries_where_asked(ip), taken_at=taken_at)
        else:
            throttle.give_back(self.user_id, KIND, taken_at=taken_at, is_in_a_row=asker is Asker.HOLDER)
        if asker is not Asker.HOLDER:
            throttle.give_back(self.user_id, BY_NAME, taken_at=taken_at)

    def tries_per_code(self, asker: Asker) -> int:
        """Return how many codes a caller by name may try on one message: few after many wrong ones in a row."""
        is_under_attack = fetch_one(select(throttle.is_disabled(self.user_id, BY_NAME).label("it")))
        if is_under_attack is not None and is_under_attack.it:
            return TRIES_UNDER_ATTACK
        return STRANGERS_PER_CODE if asker is Asker.BY_NAME else ATTEMPTS_PER_CODE

    def _tries_where_asked(self, ip: str) -> Allowance:
        """The tries of the network that asked: of its own, so that other callers by name cannot use them up."""
        subject = keyring().digest(f"{self.user_id} {site_of(ip)}", purpose="code counter: network")
        hour = limits.strangers_tries(settings().codes.checks_per_hour)
        message = "Too many wrong codes. Try again later."
        return Allowance("otp-tries-where-asked", subject, hour, HOUR, TooManyAttempts, message)

    def clear_tries(self) -> None:
        """Forget all wrong tries, in the open transaction: the person who has the phone has shown it."""
        throttle.clear(self.user_id, KIND)
        throttle.clear(self.user_id, BY_NAME)


@prepared
def _held_with_tries(user_id: Given) -> Select[Any]:
    """Hold and look in one statement: a send has no second one to spend (ADR 19)."""
    return users.kept(
        user_id,
        throttle.is_disabled(user_id, KIND).label("is_disabled"),
    )


@dataclass(frozen=True, slots=True)
class PhoneProof:
    """A code that the provider accepted, for a user. See factors.contract.Proof."""

    owner: PhoneOwner
    proof: verifications.Proof

    @property
    def amr(self) -> tuple[str, ...]:
        """How the code came."""
        return (numbers.AMR[self.proof.channel],)

    @property
    def phone_number(self) -> str:
        """The number that the code was sent to."""
        return self.proof.phone_number

    @property
    def verification_id(self) -> uuid.UUID:
        """The verification that the code belongs to."""
        return self.proof.verification_id

    def redeem(self, *, client: ClientInfo, now: datetime) -> dict[str, Any]:
        """Count the number as verified, first thing in the transaction of what the proof is for (see numbers.verify).

        Raises OtpInvalid if it was spent, the number is not the user's any more, or the user was locked or deleted.
        """
        user_id = self.owner.user_id
        replaces = self.proof.purpose is Purpose.PHONE_CHANGE
        with transaction():
            # The user before the code, as a request that spends a challenge holds them: two that redeem one code would
            # deadlock otherwise (ADR 4).
            outcome = numbers.verify(user_id, phone_number=self.phone_number, now=now, replaces=replaces)
            if outcome is Outcome.REFUSED:
                raise OtpInvalid
            verifications.spend(self.proof, now=now)
            self.owner.clear_tries()
            if outcome is Outcome.TAKEN:
                verifications.end_codes_of_others(self.phone_number, owner=self.owner.name, now=now)
                if not replaces:  # the event of a change of number says so itself
                    channel = self.proof.channel
                    audit.record("phone.verified", user_id=user_id, client=client, at=now, channel=channel)
            facts = {"channel": self.proof.channel, "verificationId": str(self.verification_id)}
            return audit.carry("otp.verified", user_id=user_id, client=client, factor=KIND, **facts)


def prove(  # noqa: PLR0913 - as verifications.prove
    user_id: int,
    *,
    code: str,
    purpose: Purpose,
    client: ClientInfo,
    bound_to: uuid.UUID | None = None,
    also: uuid.UUID | None = None,
    asker: Asker = Asker.HOLDER,
) -> PhoneProof:
    """Check a user's code. Raises AuthenticatorDisabled, and what verifications.prove raises."""
    owner = PhoneOwner(user_id)
    proof = verifications.prove(
        owner, code=code, purpose=purpose, client=client, bound_to=bound_to, also=also, asker=asker
    )
    return PhoneProof(owner, proof)


def check_by_name(purpose: Purpose, name: str, act: Callable[[], T], *, client: ClientInfo) -> T:
    """Return the result of `act`, which looks a name up and checks a code, and hide whether the name has an account.

    Each response takes the same time at least. An unknown name (UserNotFound) is a wrong code, and so is one more try
    on a code or an authenticator that has seen too many: only the limits by name are shown. Raises OtpInvalid,
    TooManyAttempts, ProviderUnavailable, ProviderRefused, SlotsBusy.
    """
    with even_timing().even():
        now = clock.now()
        limits.take_named_try(purpose, name, ip=client.ip, now=now)
        try:
            result = act()
        except UserNotFound as error:
            _record_unknown(client, now)
            raise OtpInvalid from error
        except (TooManyAttempts, AuthenticatorDisabled) as error:
            raise OtpInvalid from error
        except (ProviderUnavailable, ProviderRefused):
            limits.give_back_named_try(purpose, name, ip=client.ip, taken_at=now)
            raise
        limits.clear_named_tries(purpose, name, ip=client.ip)
    return result


def _record_unknown(client: ClientInfo, now: datetime) -> None:
    with transaction():
        audit.record_strangers("otp.refused", client=client, at=now)
