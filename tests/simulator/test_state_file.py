"""The state file: a restarted simulator goes on where it stopped."""

import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from otp_service.simulator import Simulator, SimulatorSettings
from tests.simulator.caller import KEY, PATH, PHONE, SECRET, assert_refused
from tests.simulator.conftest import MakePlace


@pytest.fixture
def state(tmp_path: Path) -> Any:
    return str(tmp_path / "simulator.db")


def test_verifications_and_inbox_outlive_a_restart(place: MakePlace, state: Any) -> None:
    sim, caller = place(state_path=state)
    done = caller.started("callout", "+14155552671", reference="r-0")
    caller.report(done, sim.inbox()[0]["code"], "callout")
    live = caller.started(reference="r-1", custom="c")
    before = (sim.inbox(), sim.invoice(), caller.status(done), caller.status(live))
    sim.stop()
    sim, caller = place(state_path=state)
    assert (sim.inbox(), sim.invoice(), caller.status(done), caller.status(live)) == before
    assert_refused(caller.start(reference="r-1"), 40900)
    assert caller.report(live, sim.inbox(PHONE)[0]["code"]).json()["status"] == "SUCCESSFUL"


def test_skipped_time_outlives_a_restart(place: MakePlace, state: Any) -> None:
    sim, caller = place(state_path=state)
    identifier = caller.started()
    sim.advance(200)
    sim.stop()
    sim, caller = place(state_path=state)
    sim.advance(101)
    assert caller.status(identifier)["reason"] == "Expired"


def test_what_was_forgotten_stays_forgotten(place: MakePlace, state: Any) -> None:
    sim, caller = place(state_path=state, max_verifications=1, max_messages=1)
    first = caller.started()
    caller.started(number="+14155552671")
    sim.stop()
    sim, caller = place(state_path=state)
    assert_refused(caller.call("GET", f"{PATH}/id/{first}"), 40400)
    assert [message["to"] for message in sim.inbox()] == ["+14155552671"]
    sim.clear_inbox()
    sim.stop()
    sim, _ = place(state_path=state)
    assert sim.inbox() == []


def test_the_file_is_for_its_owner_only(place: MakePlace, state: Any, tmp_path: Path) -> None:
    place(state_path=state)
    assert stat.S_IMODE((tmp_path / "simulator.db").stat().st_mode) == 0o600


def test_a_second_simulator_on_the_same_file_is_refused(place: MakePlace, state: Any) -> None:
    place(state_path=state)
    with pytest.raises(ValueError, match="state_path: cannot use"):
        Simulator(SimulatorSettings(KEY, SECRET, state_path=state))


def test_a_file_that_is_no_state_is_refused(state: Any, tmp_path: Path) -> None:
    (tmp_path / "simulator.db").write_text("not a database at all, but text that is long enough")
    with pytest.raises(ValueError, match="state_path: cannot use"):
        Simulator(SimulatorSettings(KEY, SECRET, state_path=state))


def test_a_state_of_another_version_is_refused(place: MakePlace, state: Any) -> None:
    sim, caller = place(state_path=state)
    caller.started()
    sim.stop()
    database = sqlite3.connect(state)
    database.execute("UPDATE verifications SET document = '{}'")
    database.commit()
    database.close()
    with pytest.raises(ValueError, match="written by another version"):
        Simulator(SimulatorSettings(KEY, SECRET, state_path=state))


def test_a_taken_port_lets_go_of_the_state_file(place: MakePlace, state: Any) -> None:
    sim, _ = place()
    with pytest.raises(OSError, match="in use"):
        Simulator(SimulatorSettings(KEY, SECRET, state_path=state, port=sim.port))
    place(state_path=state)
