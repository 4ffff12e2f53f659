"""POST /verifications/{id}/resend, and DELETE: what happens to a verification that was started."""

from flask import Flask
from sqlalchemy import func, select

from otp_service.backends.verifications.models import AppRequest, AppVerification
from otp_service.core.database.transactions import fetch_all
from otp_service.simulator import Simulator
from otp_service.verifications.models import Verification, VerificationAttempt
from tests.backends.verifications.shops import Shop, code_at, outcomes
from tests.conftest import Time
from tests.factories import new_number, wrong_code
from tests.trail import entries


def test_another_message_by_another_channel_has_the_same_id(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    started = shop.started(number, reference="o-1")
    time.advance(120)

    answer = shop.resend(started["id"], channel="callout")

    told = answer.json
    assert answer.status_code == 200
    assert (told["id"], told["status"], told["channel"]) == (started["id"], "pending", "callout")
    assert told["expiresAt"] > started["expiresAt"]
    assert [message["channel"] for message in sinch.inbox(number)] == ["callout", "sms"]
    assert shop.check(started["id"], code_at(sinch, number)).status_code == 200


def test_before_the_time_is_over_no_message_is_sent(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]

    early = shop.resend(verification_id)

    assert (early.status_code, early.json["code"]) == (429, "otp_cooldown")
    assert len(sinch.inbox(number)) == 1


def test_a_request_without_a_body_repeats_the_channel(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    verification_id = shop.started(number, channel="callout")["id"]
    time.advance(120)

    assert shop.send("POST", f"/verifications/{verification_id}/resend").status_code == 200

    assert [message["channel"] for message in sinch.inbox(number)] == ["callout"] * 2


def test_a_late_first_code_does_not_work_after_a_resend(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    first = code_at(sinch, number)
    time.advance(120)
    shop.resend(verification_id)
    second = code_at(sinch, number)

    late = shop.check(verification_id, first) if first != second else shop.check(verification_id, wrong_code(second))

    assert (late.status_code, late.json["attemptsLeft"]) == (422, 4)
    assert shop.check(verification_id, second).status_code == 200


def test_the_first_code_works_while_no_other_could_be_sent(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    time.advance(120)
    sinch.set_fault("status", "start", status_code=402, times=1)

    assert shop.resend(verification_id).status_code == 502

    assert shop.status_of(verification_id) == "pending"
    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


def test_a_verification_whose_message_was_not_sent_gets_another_one(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = undelivered(shop, sinch, number)
    told = shop.get(f"/verifications/{verification_id}").json
    assert (told["status"], told["resendAfter"]) == ("undelivered", 0)

    assert shop.resend(verification_id).status_code == 200

    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


def undelivered(shop: Shop, sinch: Simulator, number: str) -> str:
    """The id of a verification whose message surely did not leave."""
    sinch.set_fault("status", "start", status_code=402, times=1)
    assert shop.start(number).status_code == 502
    [told] = shop.get("/verifications").json["verifications"]
    return str(told["id"])


def test_a_cancelled_verification_gets_no_message_if_it_had_none(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = undelivered(shop, sinch, number)

    assert shop.end(verification_id) == 204

    answer = shop.resend(verification_id)
    assert (answer.status_code, answer.json["verificationStatus"]) == (410, "cancelled")
    assert (shop.status_of(verification_id), sinch.inbox(number)) == ("cancelled", [])


def test_no_message_is_sent_later_than_an_hour_after_the_start(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    verification_id = undelivered(shop, sinch, number)
    time.advance(3_599)
    assert shop.status_of(verification_id) == "undelivered"
    time.advance(1)

    answer = shop.resend(verification_id)

    assert (answer.status_code, answer.json["verificationStatus"]) == (410, "expired")
    assert (shop.status_of(verification_id), sinch.inbox(number)) == ("expired", [])


def test_resends_do_not_keep_a_verification_open_for_longer_than_an_hour(
    shop: Shop, sinch: Simulator, time: Time
) -> None:
    number = new_number()
    verification_id = undelivered(shop, sinch, number)
    time.advance(3_500)
    assert shop.resend(verification_id).status_code == 200
    time.advance(120)

    answer = shop.resend(verification_id)

    assert (answer.status_code, answer.json["verificationStatus"]) == (410, "expired")
    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


def test_no_message_is_sent_for_a_verification_that_has_ended(shop: Shop, sinch: Simulator, time: Time) -> None:
    number, other = new_number(), new_number()
    approved, cancelled = shop.started(number)["id"], shop.started(other)["id"]
    shop.check(approved, code_at(sinch, number))
    shop.end(cancelled)
    expired = shop.started()["id"]
    time.advance(301)

    answers = [shop.resend(one) for one in (approved, cancelled, expired)]

    assert [answer.status_code for answer in answers] == [410] * 3
    assert [answer.json["verificationStatus"] for answer in answers] == ["approved", "cancelled", "expired"]


def test_a_cancelled_verification_takes_no_code(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]

    assert [shop.end(verification_id) for _ in range(2)] == [204, 204]

    answer = shop.check(verification_id, code_at(sinch, number))
    assert (answer.status_code, answer.json["verificationStatus"]) == (410, "cancelled")
    assert shop.status_of(verification_id) == "cancelled"


def test_cancelling_leaves_an_approval_as_it_is(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    shop.check(verification_id, code_at(sinch, number))

    assert shop.end(verification_id) == 204

    assert shop.status_of(verification_id) == "approved"


def test_erasing_leaves_nothing_of_the_number(app: Flask, shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number, reference="mr-x", repeat_as="key-1", clientIp="203.0.113.9")["id"]
    shop.check(verification_id, wrong_code(code_at(sinch, number)))
    kept = shop.started(reference="kept")["id"]

    assert shop.end(verification_id, "?erase=true") == 204

    with app.app_context():
        counts = [fetch_all(select(func.count()).select_from(one))[0][0]
                  for one in (AppVerification, Verification, VerificationAttempt, AppRequest)]  # fmt: skip
    trail = [entry for entry in entries(app) if entry.event == "verification.sent"]
    assert counts == [1, 1, 0, 0]
    assert shop.get(f"/verifications/{verification_id}").status_code == 404
    assert shop.status_of(kept) == "pending"
    assert [row.facts.get("reference") for row in trail] == [None, "kept"]
    assert ["203.0.113.9" in str(row) for row in trail] == [False, False]
    assert outcomes(app)[-1] == ("verification.erased", {"verificationId": verification_id, "app": shop.name})


def test_erase_takes_true_or_false(shop: Shop) -> None:
    verification_id = shop.started()["id"]

    assert [shop.end(verification_id, f"?erase={value}") for value in ("yes", "1", "")] == [400] * 3
    assert shop.end(verification_id, "?erase=false") == 204
    assert shop.status_of(verification_id) == "cancelled"
