"""People with sessions, made without a sign-in: what matters here is what their tokens say."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta

from flask import Flask

from otp_service import sessions
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.sessions import Caller
from tests.factories import Person, make_person


@dataclass(frozen=True)
class Bearer:
    """The holder of an access token."""

    caller: Caller
    token: str
    refresh_token: str

    @property
    def user_id(self) -> str:
        """The user's id, as tokens and headers spell it."""
        return str(self.caller.user_id)

    @property
    def session_id(self) -> str:
        """The session's id, as tokens and headers spell it."""
        return str(self.caller.session_id)


def make_bearer(app: Flask, *, acr: str = "aal2", signed_in_seconds_ago: int = 0) -> Bearer:
    """Open a session of a new person, with one factor or two."""
    return bearer_of(app, make_person(app, is_verified=True), acr=acr, signed_in_seconds_ago=signed_in_seconds_ago)


def bearer_of(app: Flask, person: Person, *, acr: str, signed_in_seconds_ago: int) -> Bearer:
    """Open a session of a person."""
    amr = ("pwd", "sms") if acr == "aal2" else ("pwd",)
    with app.app_context():
        caller = Caller(person.id, amr, acr, clock.now(), is_verified=True, session_id=uuid.uuid4())
        tokens = sessions.start(caller, client=COMMAND_LINE)
        token = tokens.token
        if signed_in_seconds_ago:
            caller = replace(caller, authenticated_at=clock.now() - timedelta(seconds=signed_in_seconds_ago))
            token = sessions.strengthen(caller, client=COMMAND_LINE).token
    return Bearer(caller, token, tokens.refresh_token)
