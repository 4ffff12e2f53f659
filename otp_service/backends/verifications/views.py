"""The routes of verifications for backends."""

import uuid
from typing import Any

from flask import Blueprint

from otp_service.backends.access import app_client, current_app_caller, key_required
from otp_service.backends.app_keys import Scope
from otp_service.backends.verifications import approval, messages, schemas, upkeep
from otp_service.backends.verifications.messages import Start
from otp_service.backends.verifications.records import Shown
from otp_service.backends.verifications.repeatable import repeatable
from otp_service.backends.verifications.repeats import Claim
from otp_service.backends.verifications.upkeep import Page
from otp_service.core.web.api import api

SENDING = (422, 502, 503)

bp = Blueprint("backend_verifications", __name__, url_prefix="/verifications")


@bp.post("")
@key_required(Scope.VERIFICATIONS)
@api(body=schemas.StartIn, out=schemas.StartedOut, status=201, errors=(409, *SENDING), around=repeatable)
def start_verification(body: dict[str, Any], claim: Claim) -> Shown:
    """Send a code to a phone number. No account is needed or touched.

    A verification replaces the one before it for the same number. `resendAfter` is in seconds: until then another
    message to the number is 429 `otp_cooldown`. A number that cannot receive codes is 422, before anything is sent.
    """
    return messages.start(current_app_caller(), Start(**body), client=app_client(), claim=claim)


@bp.post("/<id:id>/check")
@key_required(Scope.VERIFICATIONS)
@api(body=schemas.CheckIn, out=schemas.ApprovedOut, errors=(404, 409, 410, 422, 502, 503), around=repeatable)
def check_verification(body: dict[str, Any], id: uuid.UUID, claim: Claim) -> Shown:
    """Check the code that a person entered. Only the right code, and only once, gets 200.

    A wrong code is 422 `otp_invalid` with `attemptsLeft`; after five it is 429 `too_many_attempts`. A verification that
    was approved before, has expired, was replaced or cancelled is 410 `verification_ended` with `verificationStatus`.
    After 502 or 503 the code is not used up: check it again. 503 `code_not_compared` says that another message was just
    being sent.
    """
    return approval.check(current_app_caller(), id, body["code"], client=app_client(), claim=claim)


@bp.post("/<id:id>/resend")
@key_required(Scope.VERIFICATIONS)
@api(
    body=schemas.ResendIn,
    out=schemas.VerificationOut,
    errors=(404, 409, 410, *SENDING),
    may_lack_body=True,
    around=repeatable,
)
def resend_code(body: dict[str, Any], id: uuid.UUID, claim: Claim) -> Shown:
    """Send another code for a verification, by the same or another channel. Attempts count on.

    Once the new code was sent, only that one works. Before `resendAfter` it is 429 `otp_cooldown`; later than an hour
    after the start it is 410 `verification_ended`.
    """
    channel = body.get("channel")
    return messages.resend(current_app_caller(), id, channel=channel, client=app_client(), claim=claim)


@bp.get("/<id:id>")
@key_required(Scope.VERIFICATIONS)
@api(out=schemas.VerificationOut, errors=(404,))
def show_verification(id: uuid.UUID) -> Shown:
    """Get a verification as it stands."""
    return upkeep.show(current_app_caller(), id)


@bp.get("")
@key_required(Scope.VERIFICATIONS)
@api(query=schemas.FindIn, out=schemas.VerificationsOut, errors=(400,))
def list_verifications(query: dict[str, Any]) -> Page:
    """List the verifications of the app, newest first, 50 on a page."""
    return upkeep.list_page(
        current_app_caller(),
        reference=query.get("reference"),
        phone_number=query.get("phone_number"),
        before=query.get("cursor"),
    )


@bp.delete("/<id:id>")
@key_required(Scope.VERIFICATIONS)
@api(query=schemas.EndIn, errors=(400, 404))
def end_verification(query: dict[str, Any], id: uuid.UUID) -> None:
    """Cancel a verification, so that it takes no code and no resend; one that has ended stays as it is.

    With `?erase=true`, delete it with the number and all that hangs on it.
    """
    end = upkeep.erase if query.get("erase") == "true" else upkeep.cancel
    end(current_app_caller(), id, client=app_client())
