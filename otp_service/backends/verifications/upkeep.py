"""Shows verifications to their backend, cancels them and erases them."""

import uuid
from dataclasses import dataclass

from otp_service import audit
from otp_service.backends.app_keys import AppCaller
from otp_service.backends.verifications import records, repeats
from otp_service.backends.verifications.cursors import Place
from otp_service.backends.verifications.records import OPEN, PAGE, Shown
from otp_service.core import clock
from otp_service.core.database.rows import split_page
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.verifications import bound, owners
from otp_service.verifications.states import Outcome


@dataclass(frozen=True, slots=True)
class Page:
    """Some verifications, newest first, and where the next page begins; None at the end."""

    verifications: list[Shown]
    next: str | None


def show(app: AppCaller, verification_id: uuid.UUID) -> Shown:
    """Return a verification of the app. Raises VerificationNotFound."""
    return records.look_at(records.get(app.id, verification_id), now=clock.now())


def list_page(app: AppCaller, *, reference: str | None, phone_number: str | None, before: Place | None) -> Page:
    """Return a page of the app's verifications, newest first, after the place of the page before."""
    rows = records.page(app.id, reference=reference, phone_number=phone_number, before=before)
    listed, last = split_page(rows, PAGE)
    shown = records.look_at_all(listed, now=clock.now())
    return Page(shown, Place(last.created_at, last.id).text if last else None)


def cancel(app: AppCaller, verification_id: uuid.UUID, *, client: ClientInfo) -> None:
    """End a verification that takes codes or resends. One that has ended stays as it is.

    Raises VerificationNotFound.
    """
    row, now = records.get(app.id, verification_id), clock.now()
    if records.look_at(row, now=now).status not in OPEN:
        return
    with transaction():
        if records.cancel(row.id, now=now):
            bound.end(row.owner, row.id, now=now)
            owners.record_outcome(Outcome.CANCELLED, row, at=now, client=client)


def erase(app: AppCaller, verification_id: uuid.UUID, *, client: ClientInfo) -> None:
    """Delete a verification with its number and all that hangs on it. Raises VerificationNotFound."""
    row, now = records.get(app.id, verification_id), clock.now()
    with transaction():
        # First, as in every transaction that locks both: a check that holds it ends before, or finds it gone (ADR 31).
        records.delete_one(row.id)
        bound.forget(row.owner, row.id)
        repeats.forget_about(row.id)
        audit.erase_verification(str(row.id))
        facts = {"verificationId": str(row.id), "app": app.name}
        audit.record_erasure("verification.erased", user_id=None, client=client, at=now, **facts)
