"""Sessions: what a signed-in person holds. They know a user only as an id."""

from otp_service.sessions.access import Caller, signed_in, token_bearer
from otp_service.sessions.listing import Device, Held, devices_of, newest, of_user, was_ended
from otp_service.sessions.renewal import renew
from otp_service.sessions.rotation import OWNER, rotate
from otp_service.sessions.services import (
    LIVE,
    Grant,
    access_tokens,
    end,
    end_all,
    end_everybodys,
    end_own,
    live_parameters,
    log_out_everywhere,
    start,
)
from otp_service.sessions.step_up import Requirement, SteppedUp, fresh_sign_in, strengthen
from otp_service.sessions.tokens import Tokens

__all__ = [
    "LIVE",
    "OWNER",
    "Caller",
    "Device",
    "Grant",
    "Held",
    "Requirement",
    "SteppedUp",
    "Tokens",
    "access_tokens",
    "devices_of",
    "end",
    "end_all",
    "end_everybodys",
    "end_own",
    "fresh_sign_in",
    "live_parameters",
    "log_out_everywhere",
    "newest",
    "of_user",
    "renew",
    "rotate",
    "signed_in",
    "start",
    "strengthen",
    "token_bearer",
    "was_ended",
]
