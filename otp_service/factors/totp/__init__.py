"""The authenticator app as a second factor: time-based codes (TOTP, RFC 6238)."""

from otp_service.core.database.rows import ExportPart, RetentionRule
from otp_service.factors.contract import Factor
from otp_service.factors.strength import Strength
from otp_service.factors.totp import factor
from otp_service.factors.totp.schemas import TotpResponse
from otp_service.factors.totp.views import bp

TOTP = Factor(
    kind=factor.KIND,
    label="an authenticator app",
    method_names=factor.METHOD_NAMES,
    response=TotpResponse,
    enrolment=factor.enrolment,
    methods_of=factor.methods_of,
    verify=factor.verify,
    describe=factor.describe,
    strength=Strength.CODE,
    remove_one=factor.remove_one,
    remove_all=factor.remove_all,
    remove_added_since=factor.remove_added_since,
    void_offers=factor.void_enrolment,
    mfa_path="totp",
    blueprint=bp,
    personal_data=(ExportPart("authenticators", "totp_authenticators", factor.personal_data),),
    retention=(RetentionRule("unconfirmed authenticator apps", factor.ENROLMENT_TTL, factor.forget),),
)
