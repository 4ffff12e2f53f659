"""What every second factor is to the rest of the service: the registry holds them, sign-in and step-up use them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from otp_service.core.web.schema import Schema
from otp_service.core.web.tracing import ClientInfo
from otp_service.verifications.states import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Who has to prove a factor, and for what.

    `bound_to` is the challenge (sign-in) or the session (step-up) that the proof is for; whatever was offered for
    another one does not serve.
    """

    user_id: int
    purpose: Purpose
    bound_to: uuid.UUID | None
    client: ClientInfo


class Proof(Protocol):
    """A right answer. It is worth nothing until it is redeemed, once."""

    @property
    def amr(self) -> tuple[str, ...]:
        """RFC 8176's words for how it was proven, without the password's."""

    def redeem(self, *, client: ClientInfo, now: datetime) -> None:
        """Use it up by one conditional update, in the open transaction of what it is for.

        Raises NotAuthenticated when another request was faster. Records the audit event, clears the failures.
        """


class Factor(Protocol):
    """One kind of authenticator. All but `redeem` and `remove_all` are called outside transactions."""

    kind: str
    """Its name: in GET /factors, in audit events, in the throttle."""

    words: tuple[str, ...]
    """Every word that may name it in `methods`, whoever's."""

    path: str | None
    """Its sign-in route is /auth/mfa/<path>; None for the phone, which has routes of its own."""

    answer: type[Schema]
    """The fields that prove it: `code`, or `credential`. Shape only."""

    has_offer: bool
    """Whether a client asks for something (`offer`) before it can answer."""

    needs_password: bool
    """Whether a step-up takes the password as well: not for a factor that proves two by itself."""

    is_backup: bool
    """A way in for emergencies: nobody's default, and no reason to ask somebody for a second step."""

    def methods(self, user_id: int) -> tuple[str, ...]:
        """The words for it in `methods` of a sign-in, the best first; empty when the user has none enrolled."""

    def offer(self, ask: Ask) -> dict[str, Any]:
        """What the client needs before it can answer (options of WebAuthn), in the form of the wire; may be empty."""

    def prove(self, ask: Ask, answer: dict[str, Any]) -> Proof:
        """Check what `answer` loaded. Counts the try first (factors.throttle), in a transaction of its own.

        Raises NotAuthenticated (one text, whatever was wrong), TooManyAttempts, Forbidden for a disabled one.
        """

    def describe(self, user_id: int) -> list[dict[str, Any]]:
        """What is enrolled, never a secret: `type`, `created_at`, `last_used_at` and what else helps its owner."""

    def remove_all(self, user_id: int) -> int:
        """Remove the user's authenticators of this kind in the open transaction; how many there were."""


class NewCodes(Protocol):
    """Codes for emergencies, drawn and hashed, and good for nothing until they are stored."""

    @property
    def codes(self) -> tuple[str, ...]:
        """As the person gets them, once."""

    def store_first(self, *, client: ClientInfo, now: datetime) -> bool:
        """Let them count, in the open transaction that holds the user; False when the user has got some meanwhile."""


@runtime_checkable
class CodeMaker(Protocol):
    """A factor whose codes come with the first authenticator that a person adds."""

    def make_first(self, user_id: int) -> NewCodes | None:
        """Codes for a user who has none, made outside transactions; None for who has. Raises SlotsBusy."""
