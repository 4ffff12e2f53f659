"""Makes backup codes: drawn and hashed first, stored in the transaction of what they come with."""

from dataclasses import dataclass
from datetime import datetime

from otp_service import audit
from otp_service.accounts import notices, users
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.backup_codes import codes, hashes, records

COUNT = 10
KIND = "backup_codes"


@dataclass(frozen=True, slots=True)
class Made:
    """See factors.contract.NewCodes."""

    user_id: int
    codes: tuple[str, ...]
    hashes: dict[str, str]

    def store_first(self, *, client: ClientInfo, now: datetime) -> bool:
        """False when the user has some by now."""
        if records.standing(self.user_id).total:
            return False
        self.store(client=client, now=now)
        return True

    def store(self, *, client: ClientInfo, now: datetime) -> None:
        """Let them count, and none from before; tries of those before are forgotten."""
        records.replace(self.user_id, self.hashes, now=now)
        throttle.clear(self.user_id, KIND)
        audit.record("factor.added", user_id=self.user_id, client=client, at=now, factor=KIND)


def make(user_id: int) -> Made:
    """Draw and hash new codes. Raises SlotsBusy."""
    drawn = codes.draw(COUNT)
    selectors = [code.selector for code in drawn]
    return Made(user_id, tuple(map(str, drawn)), dict(zip(selectors, hashes.hash_all(drawn), strict=True)))


def make_anew(user_id: int, *, client: ClientInfo) -> tuple[str, ...]:
    """New codes in place of those before. Raises SlotsBusy (nothing is changed), InvalidToken."""
    made = make(user_id)
    now = clock.now()
    with transaction():
        users.hold_bearer(user_id)  # of two at once one goes first, or both lots would be stored
        made.store(client=client, now=now)
        notices.notify(user_id, "factor_added", now=now, client=client, factor=KIND)
    return made.codes
