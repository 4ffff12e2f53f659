"""The routes that switch the phone off and on as a factor."""

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.phone import switch
from otp_service.sessions import Caller, strongest_sign_in

bp = Blueprint("phone_factor", __name__, url_prefix="/factors/phone")


@bp.delete("")
@strongest_sign_in
@api(errors=(401, 403, 409))
def switch_off(caller: Caller) -> None:
    """Switch the phone off as a factor. Needs two other factors; the number stays for resets."""
    switch.switch_off(caller, client=client_info())


@bp.post("")
@strongest_sign_in
@api(errors=(401, 403))
def switch_on(caller: Caller) -> None:
    """Make the phone a factor again."""
    switch.switch_on(caller, client=client_info())
