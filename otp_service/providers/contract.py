"""What a provider offers: it brings a code to a phone, and may know more about it afterwards.

A provider is a package with a client and one `ProviderKind`, which `verifications/registry.py` lists. It knows no
database. Every call that fails raises a CallError, which says what is known about it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Protocol

from otp_service.config import Config
from otp_service.config.reader import SectionReader
from otp_service.core.calls.errors import CallError, Refused
from otp_service.core.calls.guards import BreakerState

PLACEHOLDER = "{{CODE}}"
"""Where a template has the code."""


class Channel(StrEnum):
    """A way to bring a code to a phone. Any spelling finds its member: Sinch itself writes `flashCall` and `flashcall`.

    Seamless verification is missing on purpose: the phone itself opens an address, and no code reaches the service.
    """

    SMS = "sms"
    CALLOUT = "callout"
    FLASHCALL = "flashcall"
    WHATSAPP = "whatsapp"

    @classmethod
    def _missing_(cls, value: object) -> "Channel | None":
        wanted = str(value).lower()
        return next((channel for channel in cls if channel.value == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One code for one phone. `reference` is ours and unique.

    `code` is ours, and None for a provider that makes its own. `template` has PLACEHOLDER; None leaves text and
    language to the provider, which only one that makes its own codes has to understand. `ttl_seconds` is how long the
    code is to be valid.
    """

    reference: str
    number: str = field(repr=False)
    country: str
    channel: Channel
    locale: str | None
    template: str | None
    code: str | None = field(repr=False)
    ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one verification. `termination_amount` is the cost of the phone call, 0 unless it is billed."""

    amount: Decimal
    currency: str
    termination_amount: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """The sum that is billed for the verification."""
        return self.amount + self.termination_amount


@dataclass(frozen=True, slots=True)
class Started:
    """An accepted start. `id` is the provider's own; the price is None if it is named later, or never.

    `code_lifetime_seconds` is how long the provider accepts the code, or None if it did not say.
    """

    id: str
    code_lifetime_seconds: int | None = None
    price: Price | None = None


class VerificationStatus(StrEnum):
    """How a verification stands at a provider that compares codes. The words are Sinch's."""

    PENDING = "PENDING"
    SUCCESSFUL = "SUCCESSFUL"
    FAIL = "FAIL"
    DENIED = "DENIED"
    ABORTED = "ABORTED"  # superseded by a new verification of the same number
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Standing:
    """A verification as the provider sees it. `summary` is for operators, in the provider's words."""

    id: str
    status: VerificationStatus
    summary: str
    price: Price | None = None


class Comparison(Enum):
    """What a provider says about a code."""

    RIGHT = "it is right"
    WRONG = "it is wrong"
    OVER = "the verification takes no more codes"


class NumberRefused(Refused):
    """The provider looked at the number and refused it."""


class Provider(Protocol):
    """A provider that is connected: one for each process, shared by its threads."""

    def start(self, message: Message) -> Started:
        """Have a message sent. Raises CallError; after an unknown outcome it may be on its way."""

    def find_standing(self, reference: str, *, provider_id: str | None) -> Standing | None:
        """Return how a verification stands; None if the provider never saw it. Raises CallError.

        Not called for codes of ours: `makes_codes` is False.
        """

    def compare(self, provider_id: str, channel: Channel, code: str) -> Comparison:
        """Have a code compared. Raises CallError; after an unknown outcome the code may be spent.

        Not called for codes of ours.
        """

    def is_of_channel(self, error: CallError) -> bool:
        """Return whether a start that sent nothing failed for its channel: another one may work."""

    def is_own_failure(self, error: CallError) -> bool:
        """Return whether the provider itself reported that it failed: then no message follows, if it knows of none."""

    def expected_price(self, country: str, channel: Channel) -> Price | None:
        """Return what a message is expected to cost, by the settings; None if these do not say."""

    def state(self) -> BreakerState:
        """Return the state of this process's circuit breaker, for readiness. Makes no call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKind:
    """One provider, as OTP_PROVIDERS names it and as rows store it.

    `makes_codes`: the provider makes the codes and compares them; else both is ours. `names_prices`: it can be asked
    later what a message cost. `connect` gets what runs before each call, and opens no connection.
    """

    name: str
    channels: frozenset[Channel]
    makes_codes: bool
    names_prices: bool
    connect: Callable[[Config, Callable[[], None] | None], Provider]
    settings: SectionReader | None = None
