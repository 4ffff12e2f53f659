"""The phone as a second factor: a code by SMS, voice call, flash call or WhatsApp."""

from otp_service.core.database.rows import ExportPart
from otp_service.factors.contract import Factor
from otp_service.factors.phone import factor
from otp_service.factors.phone.codes import KIND
from otp_service.factors.phone.factor import number
from otp_service.factors.phone.schemas import PhoneResponse
from otp_service.factors.phone.views import bp
from otp_service.factors.strength import Strength
from otp_service.verifications import CHANNELS

__all__ = ["PHONE", "number"]

PHONE = Factor(
    kind=KIND,
    label="a code on the phone",
    method_names=CHANNELS,
    response=PhoneResponse,
    enrolment=factor.enrolment,
    methods_of=factor.methods_of,
    verify=factor.verify,
    describe=factor.describe,
    strength=Strength.PHONE,
    blueprint=bp,
    remove_all=lambda user_id: 0,  # noqa: ARG005 - the number belongs to the account
    remove_added_since=lambda user_id, since: 0,  # noqa: ARG005
    personal_data=(ExportPart("verifications", "verifications", factor.personal_data),),
)
