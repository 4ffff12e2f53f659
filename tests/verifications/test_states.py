"""The states of a verification: which moves exist, and what the provider's status means."""

import uuid

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.core import clock
from otp_service.core.database.transactions import fetch_one
from otp_service.providers import VerificationStatus
from otp_service.simulator import Simulator
from otp_service.verifications import records
from otp_service.verifications.models import Verification
from otp_service.verifications.states import MOVES, State, ended_as, origins_of, require_move
from tests.api import Api
from tests.factories import log_in, make_person
from tests.parallel import at_once

EXISTING = [(origin, target) for origin, targets in MOVES.items() for target in targets]
OTHERS = [(origin, target) for origin in State for target in State if (origin, target) not in EXISTING]
FINAL = {State.VERIFIED, State.FAILED, State.EXPIRED, State.SUPERSEDED, State.UNDELIVERED}


@pytest.fixture
def sent(app: Flask, api: Api) -> uuid.UUID:
    """A verification in the state `sent`."""
    log_in(api, make_person(app))
    with app.app_context():
        row = fetch_one(select(Verification.id).where(Verification.state == State.SENT))
        assert row is not None
        return uuid.UUID(str(row.id))


def test_only_a_code_on_its_way_can_move() -> None:
    assert set(MOVES) == set(State) - FINAL
    assert {target for _, target in EXISTING} == set(State) - {State.RESERVED}


@pytest.mark.parametrize(("origin", "target"), EXISTING)
def test_a_move_that_exists_is_allowed(origin: State, target: State) -> None:
    require_move(origin, target)

    assert origin in origins_of(target)


@pytest.mark.parametrize(("origin", "target"), OTHERS)
def test_any_other_move_is_a_bug(origin: State, target: State) -> None:
    with pytest.raises(ValueError, match=f"from {origin} to {target}"):
        require_move(origin, target)

    assert origin not in origins_of(target)


@pytest.mark.parametrize(
    ("status", "from_reserved", "from_sent"),
    [
        (VerificationStatus.PENDING, None, None),
        (VerificationStatus.SUCCESSFUL, None, None),
        (VerificationStatus.ABORTED, State.SUPERSEDED, State.SUPERSEDED),
        (VerificationStatus.FAIL, State.EXPIRED, State.EXPIRED),
        (VerificationStatus.DENIED, State.UNDELIVERED, State.FAILED),
        (VerificationStatus.ERROR, State.UNDELIVERED, State.FAILED),
    ],
)
def test_the_providers_status_has_one_translation(
    status: VerificationStatus, from_reserved: State | None, from_sent: State | None
) -> None:
    assert (ended_as(status, origin=State.RESERVED), ended_as(status, origin=State.SENT)) == (from_reserved, from_sent)


def test_every_translation_is_a_move_that_exists() -> None:
    for status in VerificationStatus:
        for origin in (State.RESERVED, State.SENT):
            target = ended_as(status, origin=origin)
            assert target is None or target in MOVES[origin]


def test_a_verification_moves_only_from_where_it_is(app: Flask, sent: uuid.UUID, sinch: Simulator) -> None:
    now = clock.now()
    with app.app_context():
        moved = [
            records.move(sent, State.RESERVED, State.UNDELIVERED, now=now),
            records.move(sent, State.SENT, State.EXPIRED, now=now),
            records.move(sent, State.SENT, State.FAILED, now=now),
        ]
        found = records.get(sent)

    assert (moved, found.state) == ([False, True, False], State.EXPIRED)


def test_a_move_that_does_not_exist_never_reaches_the_database(app: Flask, sent: uuid.UUID, sinch: Simulator) -> None:
    with app.app_context(), pytest.raises(ValueError, match="from verified to sent"):
        records.move(sent, State.VERIFIED, State.SENT, now=clock.now())


def test_of_many_that_move_one_verification_one_does(app: Flask, sent: uuid.UUID, sinch: Simulator) -> None:
    targets = [State.VERIFIED, State.FAILED, State.EXPIRED, State.SUPERSEDED]

    def move(number: int) -> bool:
        with app.app_context():
            return records.move(sent, State.SENT, targets[number], now=clock.now())

    assert at_once(len(targets), move).count(True) == 1
