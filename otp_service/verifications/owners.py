"""Whose verification it is: `user:17` or `app:shop/4fTq...`, and what the engine asks of it (ADR 19, ADR 31)."""

import logging
import uuid
from datetime import datetime
from typing import Any, Protocol

from otp_service import audit
from otp_service.core import phone
from otp_service.core.crypto.secrets import keyring
from otp_service.core.web.tracing import ClientInfo
from otp_service.verifications.states import Asker, Outcome

USER_PREFIX = "user:"
_APP = "app:"
_SHORT_HASH = 22
"""Characters of base64url: 132 bits."""

_RECORDED_ALONE = frozenset({Outcome.FAILED, Outcome.EXPIRED, Outcome.UNDELIVERED})

log = logging.getLogger(__name__)


class Owner(Protocol):
    """An owner that asks for a code or tries one. All methods run in the open transaction of the engine."""

    @property
    def name(self) -> str:
        """The name under which rows and allowances belong to it."""

    def hold(self) -> bool:
        """Keep the owner from being deleted until the transaction ends; return False if it is gone.

        The engine calls this before it locks or adds anything else: of a deletion and a new verification, one waits.
        """

    def hold_for_send(self, asker: Asker) -> None:
        """Hold the owner, and raise the error that a try of the code would meet anyway, before a message is paid for.

        Raises an error, too, if the owner is gone.
        """

    def take_try(self, asker: Asker, *, client: ClientInfo, now: datetime) -> None:
        """Count a code before the provider sees it. Raises the refusal."""

    def give_back_try(self, asker: Asker, *, ip: str, taken_at: datetime) -> None:
        """Undo one `take_try`: the provider never looked at the code. `ip` is the address that asked for the code."""

    def tries_per_code(self, asker: Asker) -> int:
        """Return how many codes a caller by name may try on one message."""


def owner_of_user(user_id: int) -> str:
    """Return the name of a user as an owner."""
    return f"{USER_PREFIX}{user_id}"


def find_user_id(owner: str) -> int | None:
    """Return the id of the user that an owner is; None for an owner of another kind."""
    return int(owner.removeprefix(USER_PREFIX)) if owner.startswith(USER_PREFIX) else None


def owner_of_app(name: str, phone_number: str) -> str:
    """Return the name of an app as the owner of the codes to one number, which have a cooldown of their own."""
    digest = keyring().digest(phone_number, purpose="number of an app's owner")
    return f"{_APP}{name}/{digest[:_SHORT_HASH]}"


def find_app(owner: str) -> str | None:
    """Return the name of the app that an owner stands for; None for an owner of another kind."""
    return owner.removeprefix(_APP).rpartition("/")[0] if owner.startswith(_APP) else None


def find_number_hash(owner: str) -> str:
    """Return the keyed hash of the number in the name of an app's owner: the same for every app."""
    return owner.rpartition("/")[2]


def record(event: str, owner: str, *, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Record an event of a user's code in the audit trail, which files it by user, in the open transaction.

    An event of an app's code is logged alone: the trail has the outcomes of these (`record_outcome`).
    """
    app = find_app(owner)
    if app is None:
        audit.record(event, user_id=find_user_id(owner), client=client, at=at, **facts)
    else:
        log.info(event, extra={"app": app, "ip": client.ip, **facts})


class Named(Protocol):
    """A verification, as far as the audit trail names it."""

    @property
    def id(self) -> uuid.UUID:
        """Its own id, under which a user's is known."""

    @property
    def owner(self) -> str:
        """Whose it is."""

    @property
    def bound_to(self) -> uuid.UUID | None:
        """The id of the backend's verification."""

    @property
    def label(self) -> str | None:
        """The backend's own name for it."""

    @property
    def phone_number(self) -> str:
        """The number that it is about."""


def record_outcome(outcome: Outcome, verification: Named, *, at: datetime, client: ClientInfo = audit.SERVICE) -> None:
    """Record what became of a code, in the open transaction that makes it so; hooks send it on.

    Of a user's codes only what no other event says: `otp.requested` and the event of what a code was for have its id.
    """
    app, user_id = find_app(verification.owner), find_user_id(verification.owner)
    if user_id is not None and outcome in _RECORDED_ALONE:
        own_id = str(verification.id)
        audit.record(f"verification.{outcome}", user_id=user_id, client=client, at=at, verificationId=own_id)
    if app is not None:
        facts = {"verificationId": str(verification.bound_to), "app": app, "reference": verification.label}
        facts["phoneNumber"] = phone.mask(verification.phone_number)
        audit.record(f"verification.{outcome}", user_id=None, client=client, at=at, **facts)
