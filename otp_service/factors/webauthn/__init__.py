"""Passkeys and security keys (W3C Web Authentication) as a second factor, and as a sign-in by themselves."""

from datetime import timedelta

from otp_service.core.database.rows import ExportPart, RetentionRule
from otp_service.factors.contract import AloneSignIn, Factor
from otp_service.factors.strength import Strength
from otp_service.factors.webauthn import challenges, credentials, factor
from otp_service.factors.webauthn.errors import PasskeyInvalid
from otp_service.factors.webauthn.schemas import PasskeyIn, RequestOptionsOut
from otp_service.factors.webauthn.settings import read_webauthn
from otp_service.factors.webauthn.views import bp

WEBAUTHN = Factor(
    kind=credentials.KIND,
    label="a passkey or security key",
    method_names=factor.METHOD_NAMES,
    response=PasskeyIn,
    enrolment=factor.enrolment,
    methods_of=factor.methods_of,
    verify=factor.verify,
    describe=factor.describe,
    strength=Strength.KEY,
    remove_one=factor.remove_one,
    remove_all=factor.remove_all,
    remove_added_since=factor.remove_added_since,
    mfa_path="webauthn",
    needs_password=False,  # for a step-up the passkey must check PIN or biometrics itself
    offer=factor.offer,
    void_offers=challenges.void,
    alone=AloneSignIn(
        name="passkey",
        options=RequestOptionsOut,
        response=PasskeyIn,
        offer=factor.offer_alone,
        verify=factor.verify_alone,
        refusal=PasskeyInvalid,
    ),
    blueprint=bp,
    settings=read_webauthn,
    personal_data=(ExportPart("passkeys", "webauthn_credentials", credentials.personal_data),),
    not_exported={
        "webauthn_handles": "a random number by which passkeys know the account; it says nothing about the person",
        "webauthn_challenges": "random numbers that live for some minutes, of which only a hash is stored",
    },
    retention=(RetentionRule("passkey challenges", timedelta(days=1), challenges.forget),),
)
