"""The life of a code: its states, the moves between them, and what the provider's status means for it (ADR 4).

reserved --started--> sent --right code--> verified
   |                   |--5 wrong codes--> failed    |--too late--> expired    |--replaced--> superseded
   '--start failed--> undelivered
"""

from collections.abc import Mapping
from enum import StrEnum

from otp_service.providers import VerificationStatus

ATTEMPTS_PER_CODE = 5
"""Wrong codes that end a verification."""


STRANGERS_PER_CODE = 5
"""Wrong codes by name from other networks than the one that asked. They end nothing: the one who asked may go on."""

TRIES_UNDER_ATTACK = 1
"""Codes that a caller by name may try on each message, once many wrong ones came in a row (ADR 13)."""


class State(StrEnum):
    """Where a verification stands."""

    RESERVED = "reserved"
    SENT = "sent"
    VERIFIED = "verified"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    UNDELIVERED = "undelivered"


MOVES: Mapping[State, Mapping[State, str]] = {
    State.RESERVED: {
        State.SENT: "the provider accepted the start",
        State.UNDELIVERED: "the start failed: what it took is given back, or goes to the next channel",
        State.SUPERSEDED: "the provider dropped it, a newer code was sent, or its number got another owner",
        State.EXPIRED: "the provider says that its time is over, or no provider can be asked",
    },
    State.SENT: {
        State.VERIFIED: "the right code was spent",
        State.FAILED: "5 wrong codes, or the provider could not deliver the message",
        State.EXPIRED: "its time is over",
        State.SUPERSEDED: "a newer code was sent, or its number got another owner",
    },
}
"""Every move that exists, and what causes it. The states that lead nowhere are final."""


def require_move(origin: State, target: State) -> None:
    """Raise ValueError unless MOVES has the move: a wrong one is a bug, and must not reach the database."""
    if target not in MOVES.get(origin, {}):
        raise ValueError(f"a verification cannot move from {origin} to {target}")


def origins_of(target: State) -> tuple[State, ...]:
    """Return the states from which a verification may move to `target`."""
    return tuple(origin for origin, targets in MOVES.items() if target in targets)


def ended_as(status: VerificationStatus, *, origin: State) -> State | None:
    """Translate the provider's status into the state in which it ends ours; None while a code may still count.

    DENIED and ERROR mean that no message arrived. For a reservation that undoes the send; later it is a failure.
    """
    match status:
        case VerificationStatus.ABORTED:
            return State.SUPERSEDED
        case VerificationStatus.FAIL:
            return State.EXPIRED
        case VerificationStatus.DENIED | VerificationStatus.ERROR:
            return State.UNDELIVERED if origin is State.RESERVED else State.FAILED
        case VerificationStatus.PENDING | VerificationStatus.SUCCESSFUL:
            return None


class Outcome(StrEnum):
    """What the audit trail says became of an app's verification; the words are part of the events of hooks."""

    SENT = "sent"
    APPROVED = "approved"
    FAILED = "failed"
    EXPIRED = "expired"
    UNDELIVERED = "undelivered"
    CANCELLED = "cancelled"


class Delivered(StrEnum):
    """What the provider's delivery receipt says about a text message."""

    YES = "yes"
    NO = "no"


class AttemptOutcome(StrEnum):
    """What the provider said about a code; unknown until its response is recorded."""

    UNKNOWN = "unknown"
    WRONG = "wrong"
    RIGHT = "right"


class Asker(StrEnum):
    """Who asks for a code or tries one: it decides whose part of the limits is used (ADR 13)."""

    HOLDER = "holder"  # has a password or a session, or the number is not verified yet
    NEW = "new"  # has the password of an account whose number is not verified; or tries a code for it by name
    UNKNOWN = "unknown"  # has the password, on a device and in a network that the account has not seen
    ASKED = "asked"  # only named the person: in the network that asked for this code, or before the number is verified
    BY_NAME = "by_name"  # only named the person, whose number is verified
    BACKEND = "backend"  # an app, which vouches for its user; the owner of an account keeps the holder's part


ANONYMOUS = frozenset({Asker.NEW, Asker.ASKED, Asker.BY_NAME})
"""Callers who have shown no phone, session or known device: anyone may register, and so have a password (ADR 49)."""


class Purpose(StrEnum):
    """What a proof is for, whichever factor it comes from. A proof for one purpose serves no other."""

    SIGN_IN = "login"
    PHONE_VERIFICATION = "phone_verification"
    STEP_UP = "step_up"
    PHONE_CHANGE = "phone_change"
    PHONE_UNDO = "phone_undo"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a purpose, no password
    ENROLMENT = "enrol"  # a new passkey
    PASSKEY = "passkey"  # a whole sign-in with a passkey alone


VERIFY_THE_PHONE = (Purpose.SIGN_IN, Purpose.PHONE_VERIFICATION)
"""Codes for these purposes verify a phone for a caller who only names the person."""

_SIGN_INS = (Purpose.SIGN_IN, Purpose.STEP_UP)
_KNOWN_HOLDERS = (Asker.HOLDER, Asker.UNKNOWN)


def is_sign_in_of_verified(purpose: str, asker: str) -> bool:
    """Return whether a message lets in someone who has the password or session of an account with a verified phone.

    These may use what is reserved of a day's spend. `Asker.NEW` may not: whoever registers has a right password.
    """
    return purpose in _SIGN_INS and asker in _KNOWN_HOLDERS


TO_A_STRANGERS_NUMBER = (Purpose.PHONE_CHANGE,)
"""Codes for these purposes go to a number that is not the caller's yet: its owner may need it to sign in."""
