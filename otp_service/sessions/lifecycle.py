"""Starts, renews, strengthens and ends sessions."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update

from otp_service import audit
from otp_service.core import clock
from otp_service.core.addresses import site_of
from otp_service.core.database.statements import prepared_insert
from otp_service.core.database.transactions import execute, execute_later, fetch_all, fetch_one, transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import tokens
from otp_service.sessions.errors import InvalidToken, SessionNotFound
from otp_service.sessions.lifetime import idle_since, lives, seconds_left
from otp_service.sessions.models import Session
from otp_service.sessions.refresh_tokens import RefreshToken
from otp_service.sessions.tokens import Caller, SteppedUp, Tokens

_add = prepared_insert(Session)


def start(caller: Caller, *, client: ClientInfo, facts: Mapping[str, Any] | None = None) -> Tokens:
    """Open the session of a sign-in, in the open transaction or in one of its own.

    Its event carries the `facts` of the factor, which has no row of its own (ADR 44).
    """
    now, refresh_token = caller.authenticated_at, RefreshToken.new()
    expires_at = now + timedelta(seconds=settings().tokens.refresh_ttl_seconds)
    with transaction():
        execute_later(
            *_add(
                id=caller.session_id,
                user_id=caller.user_id,
                refresh_hash=refresh_token.family_hash,
                expires_at=expires_at,
                amr=" ".join(caller.amr),
                acr=caller.acr,
                authenticated_at=now,
                created_at=now,
                last_used_at=now,
                network=site_of(client.ip),
                ip=client.ip,
                agent=client.agent,
            )
        )
        session = {"sessionId": str(caller.session_id), "amr": list(caller.amr), "acr": caller.acr}
        audit.record("session.started", user_id=caller.user_id, client=client, at=now, **session, **(facts or {}))
    return tokens.hand_out(caller, refresh_token=refresh_token.text, session_seconds=seconds_left(expires_at, now))


def renew(caller: Caller, *, is_verified: bool, now: datetime) -> Tokens:
    """Give the caller's session a new id and a new family of refresh tokens, in the open transaction.

    Access tokens from before are rejected at once (ADR 33). A token of the old family is unknown afterwards; it does
    not end the session as a reused one does. Raises InvalidToken when the session has ended.
    """
    refresh_token, session_id = RefreshToken.new(), uuid.uuid4()
    family = {"refresh_hash": refresh_token.family_hash, "generation": 0, "minute_generation": 0, "id": session_id}
    # One statement checks and writes, so a session that ends at this moment gets no new tokens (ADR 3).
    statement = update(Session).where(_is_of(caller), lives(now))
    statement = statement.values({**family, "rotated_at": None, "last_used_at": now})
    columns = (Session.amr, Session.acr, Session.authenticated_at, Session.expires_at)
    row = execute(statement.returning(*columns)).one_or_none()
    if row is None:
        raise InvalidToken
    _record_renewed(caller.user_id, caller.session_id, session_id, now)
    # The row and not the caller's token: a step-up with another token may have strengthened the session since.
    renewed = Caller(
        user_id=caller.user_id,
        amr=tuple(row.amr.split()),
        acr=row.acr,
        authenticated_at=row.authenticated_at,
        is_verified=is_verified,
        session_id=session_id,
    )
    return tokens.hand_out(renewed, refresh_token=refresh_token.text, session_seconds=seconds_left(row.expires_at, now))


def replace_ids(user_id: int, *, is_verified: bool, now: datetime) -> dict[uuid.UUID, Caller]:
    """Give each live session of the user a new id, in the open transaction; return the sessions by their earlier ids.

    Access tokens from before are rejected at once. The refresh tokens stay, since they name the family (ADR 33).
    """
    columns = (Session.id, Session.amr, Session.acr, Session.authenticated_at)
    # Locked in one order: of two changes at once, the second one waits for the first.
    live = select(*columns).where(Session.user_id == user_id, lives(now)).order_by(Session.created_at, Session.id)
    renewed = {
        row.id: Caller(user_id, tuple(row.amr.split()), row.acr, row.authenticated_at, is_verified)
        for row in fetch_all(live.with_for_update())
    }
    for earlier_id, caller in renewed.items():
        execute(update(Session).where(Session.id == earlier_id).values(id=caller.session_id))
        _record_renewed(user_id, earlier_id, caller.session_id, now)
    return renewed


def forget_methods(user_id: int, methods: Collection[str], *, now: datetime) -> None:
    """Count the sign-ins that used some methods (RFC 8176) as sign-ins without these, in the open transaction.

    For an authenticator that is the user's no more. What is left is one factor. Such a session gets a new id: the level
    in an access token from before does not count (ADR 33).
    """
    live = select(Session.id, Session.amr).where(Session.user_id == user_id, lives(now))
    # In the order of `replace_ids`, so that two changes at once do not deadlock.
    for row in fetch_all(live.order_by(Session.created_at, Session.id).with_for_update()):
        used = row.amr.split()
        left = [method for method in used if method not in methods]
        if left != used:
            execute(update(Session).where(Session.id == row.id).values(id=uuid.uuid4(), amr=" ".join(left), acr="aal1"))


def go_on(caller: Caller, renewed: dict[uuid.UUID, Caller]) -> SteppedUp:
    """Return an access token for the caller's session after `replace_ids`.

    Raises InvalidToken when the session has ended since the request began: the change is undone then.
    """
    renewed_caller = renewed.get(caller.session_id)
    if renewed_caller is None:
        raise InvalidToken
    return _stepped_up(renewed_caller)


def strengthen(caller: Caller, *, client: ClientInfo, facts: Mapping[str, Any] | None = None) -> SteppedUp:
    """Store a new sign-in in the session of an earlier one. Raises InvalidToken when the session has ended."""
    now = caller.authenticated_at
    values = {"amr": " ".join(caller.amr), "acr": caller.acr, "authenticated_at": now}
    with transaction():
        # One statement checks and writes, so a session that ends at this moment is not strengthened (ADR 3).
        if execute(update(Session).where(_is_of(caller), lives(now)).values(values)).rowcount != 1:
            raise InvalidToken
        session = {"sessionId": str(caller.session_id), "amr": list(caller.amr), "acr": caller.acr}
        audit.record("session.stepped_up", user_id=caller.user_id, client=client, at=now, **session, **(facts or {}))
    return _stepped_up(caller)


def _stepped_up(caller: Caller) -> SteppedUp:
    return SteppedUp(tokens.issue(caller), settings().tokens.ttl_seconds, caller.session_id, caller.acr)


def end(session_id: uuid.UUID, *, user_id: int, client: ClientInfo) -> bool:
    """End one session of the user at once; return whether it was live."""
    now = clock.now()
    with transaction():
        # Of several requests that end a session at the same time, one changes the row and records the event (ADR 3).
        return _end(now, Session.id == session_id, Session.user_id == user_id, lives(now), client=client) == 1


def end_by_refresh_token(text: str, *, client: ClientInfo) -> bool:
    """End the session of a refresh token at once, whichever generation it is; return whether the session was live."""
    token = RefreshToken.parse(text)
    if token is None:
        return False
    of_family = Session.refresh_hash.in_(token.family_hashes)
    row = fetch_one(select(Session.id, Session.user_id).where(of_family))
    return row is not None and end(row.id, user_id=row.user_id, client=client)


def end_own(session_id: uuid.UUID, *, user_id: int, client: ClientInfo) -> None:
    """End a live session of the user. Raises SessionNotFound, also for a session of another user."""
    if not end(session_id, user_id=user_id, client=client):
        raise SessionNotFound


def log_out_everywhere(user_id: int, *, client: ClientInfo) -> int:
    """End all sessions of the user as the user or an operator asked; return how many were open."""
    now = clock.now()
    with transaction():
        ended = end_all(user_id, now=now)
        audit.record("session.all_ended", user_id=user_id, client=client, at=now, sessions=ended)
    return ended


def end_every_session(*, client: ClientInfo, now: datetime) -> int:
    """End the sessions of all users; return how many were open."""
    with transaction():
        ended = _end(now)
        audit.record("session.everybodys_ended", user_id=None, client=client, at=now, sessions=ended)
    return ended


def end_oldest(user_id: int, *, keep: int, client: ClientInfo, now: datetime) -> None:
    """End the open sessions but the last used ones, in the open transaction: a person has fewer devices."""
    is_open = (Session.user_id == user_id) & Session.ended_at.is_(None)
    newest = select(Session.id).where(is_open, Session.expires_at > now)
    kept = newest.order_by(Session.last_used_at.desc(), Session.created_at.desc()).limit(keep)
    ended = _end(now, is_open, Session.expires_at > now, Session.id.not_in(kept))
    audit.record("session.oldest_ended", user_id=user_id, client=client, at=now, sessions=ended)


def end_all(user_id: int, *, now: datetime, keep: uuid.UUID | None = None) -> int:
    """End all sessions of the user in the open transaction, except the one to `keep`; return how many were open.

    Each end is recorded. The calling service records why they ended, and who did it.
    """
    others = () if keep is None else (Session.id != keep,)
    return _end(now, Session.user_id == user_id, *others)


def _end(now: datetime, *conditions: ColumnElement[bool], client: ClientInfo = audit.SERVICE) -> int:
    """End the open sessions that meet the conditions, and record the end of each that was live; return how many."""
    statement = update(Session).where(*conditions, Session.ended_at.is_(None)).values(ended_at=now)
    columns = (Session.id, Session.user_id, Session.expires_at, Session.last_used_at)
    ended = execute(statement.returning(*columns)).all()
    for row in ended:
        if row.expires_at > now and row.last_used_at > idle_since(now):  # others had expired before
            audit.record("session.ended", user_id=row.user_id, client=client, at=now, sessionId=str(row.id))
    return len(ended)


def _record_renewed(user_id: int, earlier_id: uuid.UUID, session_id: uuid.UUID, now: datetime) -> None:
    """Record the new id of a session, for services that know it by the earlier one."""
    facts = {"sessionId": str(session_id), "earlierSessionId": str(earlier_id)}
    audit.record("session.renewed", user_id=user_id, client=audit.SERVICE, at=now, **facts)


def _is_of(caller: Caller) -> ColumnElement[bool]:
    return (Session.id == caller.session_id) & (Session.user_id == caller.user_id)
