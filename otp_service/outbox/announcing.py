"""Tells whoever delivers that something was posted, once the transaction is committed."""

from flask import current_app
from sqlalchemy import event
from sqlalchemy.orm import Session

from otp_service.extensions import db

_POSTED = "a message was posted"


def announce_after_commit() -> None:
    """Call the application's `outbox_posted`, if it has one, after the commit of the open transaction."""
    db.session().info[_POSTED] = True


@event.listens_for(Session, "after_commit")
def _announce(session: Session) -> None:
    if session.info.pop(_POSTED, False):
        heed = current_app.extensions.get("outbox_posted")
        if heed is not None:
            heed()


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_POSTED, None)
