"""The routes that prove and change the e-mail address."""

from typing import Any

from flask import Blueprint

from otp_service.accounts import email_links, email_proofs
from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.selfservice.email_schemas import EmailIn, EmailMessageOut, EmailTokenIn
from otp_service.sessions import Caller, fresh_sign_in, signed_in

bp = Blueprint("email", __name__)


@bp.post("/auth/verify-email")
@request_limits.otp
@api(body=EmailTokenIn, out=EmailMessageOut, errors=(401, 409))
def verify_email(body: dict[str, Any]) -> dict[str, Any]:
    """Prove an e-mail address with the token of a link; a link to a new address changes it. Nobody is signed in."""
    return {"message": email_proofs.prove(body["token"], client=client_info()).value}


@bp.post("/auth/verify-email/resend")
@request_limits.otp
@signed_in
@api(out=EmailMessageOut, status=202, errors=(401, 409))
def resend_link(caller: Caller) -> dict[str, Any]:
    """Send another link to the account's address; earlier ones are dead."""
    email_links.resend(caller, client=client_info())
    return {"message": "A link is on its way to your email address."}


@bp.post("/account/email")
@request_limits.otp
@fresh_sign_in
@api(body=EmailIn, out=EmailMessageOut, status=202, errors=(401, 403, 409))
def change_email(body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Send a link to a new address; it becomes the account's once the link is used."""
    email_links.ask_change(caller, email=body["email"], client=client_info())
    return {"message": "A link is on its way to the new address, which becomes yours once it is opened."}
