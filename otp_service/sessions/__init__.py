"""Sessions: sign-ins on devices, with their access and refresh tokens. They know a user only by id."""

from otp_service.sessions.access import (
    Requirement,
    find_caller,
    fresh_despite_hold,
    fresh_sign_in,
    settled_sign_in,
    signed_in,
    step_up_by,
    strongest_sign_in,
    token_bearer,
)
from otp_service.sessions.lifecycle import (
    end,
    end_all,
    end_every_session,
    log_out_everywhere,
    renew,
    start,
    strengthen,
)
from otp_service.sessions.lifetime import LIVE, live_parameters
from otp_service.sessions.records import (
    Device,
    LiveSession,
    devices_of,
    forget,
    newest,
    of_user,
    personal_data,
    was_ended,
    were_opened_from,
)
from otp_service.sessions.refresh_tokens import OWNER, rotate
from otp_service.sessions.tokens import Caller, SteppedUp, Tokens

__all__ = [
    "LIVE",
    "OWNER",
    "Caller",
    "Device",
    "LiveSession",
    "Requirement",
    "SteppedUp",
    "Tokens",
    "devices_of",
    "end",
    "end_all",
    "end_every_session",
    "find_caller",
    "forget",
    "fresh_despite_hold",
    "fresh_sign_in",
    "live_parameters",
    "log_out_everywhere",
    "newest",
    "of_user",
    "personal_data",
    "renew",
    "rotate",
    "settled_sign_in",
    "signed_in",
    "start",
    "step_up_by",
    "strengthen",
    "strongest_sign_in",
    "token_bearer",
    "was_ended",
    "were_opened_from",
]
