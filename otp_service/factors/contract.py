"""The contract of a factor: all that the rest of the service needs from one kind of authenticator.

A factor is a folder whose package holds one `Factor`, and its entry in `registry`. The rest of the service reaches it
through the registry alone, so that the factor is removed by deleting its folder and its entry.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from flask import Blueprint
from sqlalchemy import ColumnElement

from otp_service.config.reader import SectionReader
from otp_service.core.database.rows import ExportPart, RetentionRule
from otp_service.core.database.statements import Given
from otp_service.core.errors import NotAuthenticated
from otp_service.core.web.schema import Schema
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.strength import Strength
from otp_service.verifications.states import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRequest:
    """Who must verify a factor, and for what purpose.

    `bound_to` is the challenge (sign-in), the session (step-up) or the verification (recovery) that the proof is for.
    An offer that was made for another one does not serve. `adopted_code` is a verification whose code was on its way to
    the user when the challenge was issued, and counts for it (ADR 29).
    """

    user_id: int
    purpose: Purpose
    bound_to: uuid.UUID | None
    client: ClientInfo
    adopted_code: uuid.UUID | None = None


class Proof(Protocol):
    """A verified response. It is worth nothing until it is redeemed, and can be redeemed once."""

    @property
    def amr(self) -> tuple[str, ...]:
        """The authentication methods (RFC 8176) that were used, without the password's."""

    def redeem(self, *, client: ClientInfo, now: datetime) -> dict[str, Any]:
        """Spend the proof by one conditional update, in the open transaction of the act that it allows.

        Clear the failures. Return the facts for the audit event of the act, `factor` first (ADR 44). Raises
        NotAuthenticated when another request was faster.
        """


class OwnedProof(Proof, Protocol):
    """A proof that names its user."""

    @property
    def user_id(self) -> int:
        """The owner of the authenticator."""


class NewCodes(Protocol):
    """Backup codes that are made and hashed, and become valid when they are stored."""

    def store_first(self, *, client: ClientInfo, now: datetime) -> tuple[str, ...]:
        """Store them in the open transaction that holds the user, unless the user has some by now.

        Return the codes as the person sees them, once; empty if they were not stored.
        """


Offer = Callable[[ProofRequest], dict[str, Any]]
MakeFirstCodes = Callable[[int], NewCodes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AloneSignIn:
    """A sign-in by this factor alone: its response names the user and is two factors by itself.

    The routes are `POST /auth/<name>/options` and `POST /auth/<name>`.
    """

    name: str
    options: type[Schema]
    response: type[Schema]
    offer: Callable[[], Any]
    verify: Callable[[dict[str, Any], ClientInfo], OwnedProof]
    refusal: type[NotAuthenticated]
    """Raised for a locked or deleted account, so that it is indistinguishable from a wrong response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One kind of authenticator. Every function but those that remove is called outside transactions."""

    kind: str
    """Its name in GET /factors, in audit events and in the throttle."""

    label: str
    """What people call one of them, with its article, for the OpenAPI document."""

    method_names: tuple[str, ...]
    """Every name that may stand for it in `methods` of a sign-in, for any user."""

    response: type[Schema]
    """The schema of its response: `code`, or `credential`. Checks shape only."""

    enrolment: Callable[[Given, Given], ColumnElement[Any]]
    """Return, for a statement, what says whether a user has it at a time: all factors are looked up in one."""

    methods_of: Callable[[Any], tuple[str, ...]]
    """Return the names that a user of this `enrolment` can use now, the best first; empty if none is enrolled."""

    verify: Callable[[ProofRequest, dict[str, Any]], Proof]
    """Check a loaded response, and count the try (see factors.throttle).

    Raises NotAuthenticated (one text for every fault), TooManyAttempts, and Forbidden if the factor is disabled.
    """

    describe: Callable[[int], list[dict[str, Any]]]
    """Return what the user has enrolled, never a secret: `type`, `created_at`, `last_used_at` and more."""

    strength: Strength
    """Its place in the order of factors (ADR 35)."""

    remove_all: Callable[[int], int]
    """Remove the user's authenticators of this kind in the open transaction. Return how many there were."""

    remove_added_since: Callable[[int, datetime], int]
    """Do the same for those that were added after a time: they may be an intruder's (ADR 32)."""

    remove_one: Callable[[int, uuid.UUID], int] = lambda user_id, authenticator_id: 0  # noqa: ARG005
    """Remove one authenticator whose removal waited, in the open transaction. Return how many there were."""

    mfa_path: str | None = None
    """Its sign-in route is /auth/mfa/<mfa_path>; None for the phone, which has routes of its own."""

    needs_password: bool = True
    """Whether a step-up needs the password as well. False for a factor that is two by itself."""

    is_backup: bool = False
    """Whether it is for emergencies: it is never the default, and does not make a second step due."""

    offer: Offer | None = None
    """Return the options that a client needs before it can respond (WebAuthn), in the form of the wire."""

    alone: AloneSignIn | None = None
    """How it signs people in without a password, if it can."""

    void_offers: Callable[[int | None], object] | None = None
    """Void what a user, or with None every user, was offered or began to enrol, in an open transaction (ADR 33)."""

    make_first_codes: MakeFirstCodes | None = None
    """Make the backup codes that come with a user's first authenticator; None if the user has some. Raises SlotsBusy.

    They are made outside transactions, since hashing takes long.
    """

    blueprint: Blueprint | None = None
    """The routes by which people manage their own authenticators, with the prefix /factors/<name>."""

    settings: SectionReader | None = None
    """Read its settings from the environment."""

    personal_data: tuple[ExportPart, ...] = ()
    """Its parts of a person's export. The rows themselves are deleted with the user, by their foreign keys."""

    not_exported: Mapping[str, str] = field(default_factory=dict)
    """Its tables with a user's id that the export leaves out, and why."""

    retention: tuple[RetentionRule, ...] = ()
    """Its rows that are deleted when they are old."""
