"""Whose verification it is: a name such as `user:17` or `app:shop`, and what the engine asks of it (ADR 19)."""

from datetime import datetime
from typing import Any, Protocol

from otp_service import audit
from otp_service.core.web.tracing import ClientInfo
from otp_service.verifications.states import Asker

USER_PREFIX = "user:"


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


def record(event: str, owner: str, *, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Record an audit event about an owner's code, in the open transaction. The audit trail files it by user."""
    audit.record(event, user_id=find_user_id(owner), client=client, at=at, **facts)
