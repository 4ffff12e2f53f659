"""The words for where a code is in its life.

reserved --start ok--> sent --right code--> verified
   |                    |--wrong code x5--> failed    |--too late--> expired    |--new code--> superseded
   '--start failed--> undelivered (cooldown and budget given back)
"""

from enum import StrEnum


class State(StrEnum):
    """Where a verification stands."""

    RESERVED = "reserved"
    SENT = "sent"
    VERIFIED = "verified"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    UNDELIVERED = "undelivered"


class Delivered(StrEnum):
    """What the provider's receipt says of a text message."""

    YES = "yes"
    NO = "no"


class Purpose(StrEnum):
    """What a proof is for, whether a code or another factor proves it. A proof for one purpose serves no other."""

    SIGN_IN = "login"
    PHONE_VERIFICATION = "phone_verification"
    STEP_UP = "step_up"
    PHONE_CHANGE = "phone_change"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a purpose, no password
    ENROLMENT = "enrol"  # a new passkey
    PASSKEY = "passkey"  # a whole sign-in with a passkey alone


PROVE_THE_PHONE = (Purpose.SIGN_IN, Purpose.PHONE_VERIFICATION)
"""What a code may have been sent for to be taken from whoever just names the person."""


TO_A_STRANGERS_NUMBER = (Purpose.PHONE_CHANGE,)
"""What goes to a number that is not the caller's yet: another may have proven it, and needs it to sign in."""


class AttemptOutcome(StrEnum):
    """What the provider said of a code; unknown until its answer is recorded."""

    UNKNOWN = "unknown"
    WRONG = "wrong"
    RIGHT = "right"


ATTEMPTS_PER_CODE = 5
"""Wrong codes that kill a code."""
