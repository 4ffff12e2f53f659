"""Owners of verifications: any kind can have one, and none leaves a code behind."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service import verifications
from otp_service.accounts import registrations, users
from otp_service.accounts.errors import UserNotFound
from otp_service.accounts.models import User
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.allowances import Counter
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.core.errors import ServiceError
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.phone.codes import PhoneOwner
from otp_service.simulator import Simulator
from otp_service.verifications import Asker, Purpose, Recipient
from otp_service.verifications.errors import OtpInvalid
from otp_service.verifications.models import Verification, VerificationAttempt
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import make_person, new_number, sign_in
from tests.parallel import at_once


@dataclass(frozen=True)
class Backend:
    """An owner that is no user, and limits no tries of its own."""

    name: str = "app:shop"
    is_there: bool = True

    def hold(self) -> bool:
        return self.is_there

    def hold_for_send(self, asker: Asker) -> None:
        pass

    def take_try(self, asker: Asker, *, client: ClientInfo, now: datetime) -> None:
        pass

    def tries_per_code(self, asker: Asker) -> int:
        return 5

    def give_back_try(self, asker: Asker, *, ip: str, taken_at: datetime) -> None:
        pass


def codes_of(owner: str) -> list[str]:
    """The states of an owner's verifications."""
    return [row.state for row in fetch_all(select(Verification.state).where(Verification.owner == owner))]


def send(owner: verifications.Owner, phone_number: str) -> None:
    recipient = Recipient(owner, phone_number, Purpose.PHONE_VERIFICATION)
    verifications.send(recipient, channel=None, client=COMMAND_LINE)


def test_a_number_is_verified_for_an_owner_that_is_no_user(app: Flask, sinch: Simulator) -> None:
    owner, number = Backend(), new_number()
    with app.app_context():
        send(owner, number)
        code = str(sinch.inbox(number)[0]["code"])

        proof = verifications.prove(owner, code=code, purpose=Purpose.PHONE_VERIFICATION, client=COMMAND_LINE)
        with transaction():
            verifications.spend(proof, now=clock.now())

        assert proof.phone_number == number
        assert codes_of(owner.name) == ["verified"]
        with pytest.raises(OtpInvalid), transaction():
            verifications.spend(proof, now=clock.now())


def test_a_code_works_for_its_owner_alone(app: Flask, sinch: Simulator) -> None:
    number = new_number()
    with app.app_context():
        send(Backend("app:shop"), number)
        code = str(sinch.inbox(number)[0]["code"])

        with pytest.raises(OtpInvalid):
            verifications.prove(Backend("app:bank"), code=code, purpose=Purpose.PHONE_VERIFICATION, client=COMMAND_LINE)


def test_a_deleted_user_leaves_no_code_no_try_and_no_cooldown(app: Flask, api: Api, sinch: Simulator) -> None:
    person, other = make_person(app), make_person(app)
    for one in (person, other):
        sign_in(api, sinch, one)
    with app.app_context():
        users.remove(person.id)

        counted = {row.subject for row in fetch_all(select(Counter.subject).where(Counter.name == "otp-cooldown"))}
        assert codes_of(f"user:{person.id}") == []
        assert codes_of(f"user:{other.id}") == ["verified"]
        assert len(fetch_all(select(VerificationAttempt.code_hash))) == 1
        assert counted == {f"user:{other.id}"}


def test_a_registration_that_is_released_leaves_no_code(app: Flask, api: Api) -> None:
    body = {"email": "held@example.com", "password": "Correct-Horse-7", "phoneNumber": new_number()}
    user_id = api.post("/auth/register", body).json["userId"]
    api.post("/auth/request-otp", {"email": body["email"]})
    with app.app_context():
        before = codes_of(f"user:{user_id}")
        registrations.release(User.id == user_id, now=clock.now())

        assert (before, codes_of(f"user:{user_id}")) == (["sent"], [])


@pytest.mark.parametrize("round_number", range(5))
@pytest.mark.each_case
def test_a_user_who_is_deleted_while_a_code_is_sent_leaves_none(
    app: Flask, sinch: Simulator, round_number: int
) -> None:
    person = make_person(app)

    def act(number: int) -> None:
        with app.app_context(), suppress(ServiceError):
            if number == 0:
                users.remove(person.id)
            else:
                send(PhoneOwner(person.id), person.phone_number)

    at_once(3, act)

    with app.app_context():
        assert codes_of(f"user:{person.id}") == []


def test_no_code_is_sent_for_a_user_who_is_gone(app: Flask, sinch: Simulator) -> None:
    person = make_person(app)
    with app.app_context():
        users.remove(person.id)

        with pytest.raises(UserNotFound):
            send(PhoneOwner(person.id), person.phone_number)

    assert sinch.count("start") == 0


def test_an_owner_who_is_gone_gets_no_code_by_another_channel(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(OTP_FALLBACK_CHANNELS="callout")
    sinch.set_fault("status", "start", status_code=422, times=1)
    with app.app_context():
        with pytest.raises(ServiceError):
            send(Backend(is_there=False), new_number())

        assert codes_of("app:shop") == ["undelivered"]
