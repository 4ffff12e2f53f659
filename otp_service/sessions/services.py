"""Starts and ends sessions."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, select, update

from otp_service import audit
from otp_service.core import clock
from otp_service.core.database.prepared import prepared_insert
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.settings import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import refresh_tokens, tokens
from otp_service.sessions.errors import SessionNotFound
from otp_service.sessions.lifetime import idle_since, lives, lives_by
from otp_service.sessions.models import Session
from otp_service.sessions.rotation import Refreshed
from otp_service.sessions.tokens import Tokens

LIVE = select(Session.id).where(  # made once: it runs with every request that carries a token
    Session.id == bindparam("session_id"),
    Session.user_id == bindparam("user_id"),
    lives_by(bindparam("now"), bindparam("used_after")),
)
_add = prepared_insert(Session)


@dataclass(frozen=True, slots=True)
class Grant:
    """How somebody signed in: `amr` by RFC 8176, `acr` by NIST SP 800-63B's levels."""

    user_id: int
    amr: tuple[str, ...]
    acr: str
    is_verified: bool


def start(grant: Grant, *, client: ClientInfo, now: datetime) -> Tokens:
    """Open a session in the open transaction, or in one of its own."""
    session_id, refresh_token = uuid.uuid4(), refresh_tokens.new_family()
    with transaction():
        execute(
            *_add(
                id=session_id,
                user_id=grant.user_id,
                refresh_hash=refresh_token.family_hash,
                expires_at=now + timedelta(seconds=settings().refresh_ttl_seconds),
                amr=" ".join(grant.amr),
                acr=grant.acr,
                authenticated_at=now,
                created_at=now,
                last_used_at=now,
                ip=client.ip,
                agent=client.agent,
            )
        )
        audit.record("session.started", user_id=grant.user_id, client=client, at=now, sessionId=str(session_id))
    started = Refreshed(grant.user_id, session_id, grant.amr, grant.acr, now, refresh_token.text, grant.is_verified)
    return access_tokens(started)


def access_tokens(session: Refreshed) -> Tokens:
    """Sign the access token that goes with a refresh token."""
    token = tokens.issue(
        user_id=session.user_id,
        session_id=session.session_id,
        amr=session.amr,
        acr=session.acr,
        auth_time=session.authenticated_at,
        is_verified=session.is_verified,
    )
    return Tokens(token, settings().jwt_ttl_seconds, session.refresh_token, session.session_id)


def is_live(session_id: uuid.UUID, *, user_id: int, now: datetime) -> bool:
    """Whether the session may still be used: one read, made for every request with a token."""
    return fetch_one(LIVE, live_parameters(session_id, user_id=user_id, now=now)) is not None


def live_parameters(session_id: uuid.UUID, *, user_id: int, now: datetime) -> dict[str, object]:
    """The parameters of LIVE, for statements of others that contain it."""
    return {"session_id": session_id, "user_id": user_id, "now": now, "used_after": idle_since(now)}


def end(session_id: uuid.UUID, *, user_id: int, client: ClientInfo) -> None:
    """End one session of the user, at once."""
    now = clock.now()
    with transaction():
        if _end(now, Session.id == session_id, Session.user_id == user_id):
            audit.record("session.ended", user_id=user_id, client=client, at=now, sessionId=str(session_id))


def end_own(session_id: uuid.UUID, *, user_id: int, client: ClientInfo) -> None:
    """End a live session of the user. Raises SessionNotFound, for another's too."""
    now = clock.now()
    with transaction():
        if not _end(now, Session.id == session_id, Session.user_id == user_id, lives(now)):
            raise SessionNotFound
        audit.record("session.ended", user_id=user_id, client=client, at=now, sessionId=str(session_id))


def log_out_everywhere(user_id: int, *, client: ClientInfo) -> int:
    """End all sessions of the user on the user's own word, or an operator's; returns how many lived."""
    now = clock.now()
    with transaction():
        ended = end_all(user_id, now=now)
        audit.record("session.all_ended", user_id=user_id, client=client, at=now, sessions=ended)
    return ended


def end_everybodys(*, client: ClientInfo) -> int:
    """End every session there is; returns how many lived."""
    now = clock.now()
    with transaction():
        ended = _end(now)
        audit.record("session.everybodys_ended", user_id=None, client=client, at=now, sessions=ended)
    return ended


def end_all(user_id: int, *, now: datetime, keep: uuid.UUID | None = None) -> int:
    """End all sessions of the user in the open transaction, save the one to `keep`; returns how many lived."""
    others = () if keep is None else (Session.id != keep,)
    return _end(now, Session.user_id == user_id, *others)


def _end(now: datetime, *conditions: ColumnElement[bool]) -> int:
    return int(execute(update(Session).where(*conditions, Session.ended_at.is_(None)).values(ended_at=now)).rowcount)
