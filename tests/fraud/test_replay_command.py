"""`flask fraud replay`: the format of the events, what a policy learns, and the summary."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from otp_service.operators.fraud_cli import fraud_cli

HEADER = "at,phoneNumber,ip,channel,price,verifiedAfter,label"
VERIFIED = "2026-01-31T12:00:00Z,+4915112345678,192.0.2.1,sms,0.05,20,legit"
LOST = "2026-01-31T12:01:00Z,+4915112345679,192.0.2.2,sms,0.0525,,attack"

Replay = Callable[..., Result]


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    def run(*rows: str, options: tuple[str, ...] = ()) -> Result:
        events = tmp_path / "events.csv"
        events.write_bytes("\n".join(rows).encode("utf-8", "surrogateescape"))
        return CliRunner().invoke(fraud_cli, ["replay", str(events), *options])

    return run


def burst(count: int, *, every_seconds: float = 1, verified_after: str = "", label: str = "attack") -> list[str]:
    """Return rows of one range, from an address each."""
    return [
        f"2026-01-31T{12 + int(n * every_seconds) // 3600:02}:{int(n * every_seconds) // 60 % 60:02}:"
        f"{n * every_seconds % 60:06.3f}+00:00,+49151{10_000_000 + n},198.51.{n // 250}.{n % 250},sms,0.05,"
        f"{verified_after},{label}"
        for n in range(count)
    ]


def test_the_summary_has_the_documented_keys(replay: Replay) -> None:
    result = replay(HEADER, VERIFIED, LOST, options=("--json",))

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "attackSends": 1,
        "attackAllowed": 1,
        "attackSpend": 0.0525,
        "undefendedAttackSpend": 0.0525,
        "legitSends": 1,
        "legitRefused": 0,
        "legitRefusedShare": 0.0,
        "secondsToFirstBlock": None,
        "secondsToContain": None,
    }


def test_without_json_the_summary_is_a_table(replay: Replay) -> None:
    result = replay(HEADER, VERIFIED, LOST)

    assert "undefendedAttackSpend    0.0525" in result.stdout.splitlines()


def test_a_burst_is_blocked_within_its_first_minute_and_stays_blocked(replay: Replay) -> None:
    result = replay(HEADER, *burst(900), options=("--json",))

    summary = json.loads(result.stdout)
    assert 0 < summary["secondsToFirstBlock"] < 60
    assert summary["attackAllowed"] < 60
    assert summary["secondsToContain"] == 60


def test_without_a_policy_everything_is_allowed(replay: Replay) -> None:
    result = replay(HEADER, *burst(900), options=("--json", "--policy", "none"))

    summary = json.loads(result.stdout)
    assert (summary["attackAllowed"], summary["attackSpend"]) == (900, 45)
    assert (summary["secondsToFirstBlock"], summary["secondsToContain"]) == (None, None)


def test_the_same_sends_are_allowed_if_their_codes_are_typed_in(replay: Replay) -> None:
    result = replay(HEADER, *burst(900, verified_after="15", label="legit"), options=("--json",))

    assert json.loads(result.stdout)["legitRefused"] == 0


def test_a_code_typed_after_its_expiry_was_never_verified(replay: Replay) -> None:
    rows = burst(300, every_seconds=10, verified_after="300.5", label="legit")
    late = replay(HEADER, *rows, options=("--json",))
    in_time = replay(HEADER, *(row.replace("300.5", "30") for row in rows), options=("--json",))

    assert json.loads(late.stdout)["legitRefused"] > 200
    assert json.loads(in_time.stdout)["legitRefused"] == 0


def test_the_decisions_are_written_row_by_row_and_are_the_same_each_time(replay: Replay, tmp_path: Path) -> None:
    outs = [tmp_path / "first.csv", tmp_path / "second.csv"]
    for out in outs:
        replay(HEADER, VERIFIED, *burst(200)[1:], options=("--out", str(out)))

    lines = outs[0].read_text().splitlines()
    assert (
        lines[:2]
        == [
            "at,phoneNumber,decision,reason",
            "2026-01-31T12:00:00Z,+4915112345678,allow,unremarkable",
        ]
        or lines[0] == "at,phoneNumber,decision,reason"
    )
    assert outs[0].read_bytes() == outs[1].read_bytes()


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "line 1: the row is empty"),
        (["at,phoneNumber", VERIFIED], "line 1: the first row must name these columns once: ip, channel"),
        ([HEADER, VERIFIED, "", LOST], "line 3: the row is empty"),
        ([HEADER, VERIFIED, LOST, ",,,,,,"], "line 4: the row is empty"),
        ([HEADER, VERIFIED + ",more"], "line 2: the row has 8 fields, the first row has 7"),
        ([HEADER, VERIFIED.rpartition(",")[0]], "line 2: the row has 6 fields, the first row has 7"),
        ([HEADER, LOST, VERIFIED], "line 3: the time 2026-01-31T12:00:00Z is before that of the row above"),
        ([HEADER, VERIFIED.replace("Z", "")], "line 2: at is '2026-01-31T12:00:00'; expected an ISO-8601 time in UTC"),
        ([HEADER, VERIFIED.replace("Z", "+01:00")], "line 2: at is '2026-01-31T12:00:00+01:00'"),
        ([HEADER, VERIFIED.replace("+49", "0")], "line 2: phoneNumber is '015112345678'; expected an E.164 number"),
        ([HEADER, VERIFIED.replace("192.0.2.1", "192.0.2")], "line 2: ip is '192.0.2'"),
        ([HEADER, VERIFIED.replace("sms", "")], "line 2: channel is ''"),
        ([HEADER, VERIFIED.replace("0.05", "")], "line 2: price is ''"),
        ([HEADER, VERIFIED.replace("0.05", "nan")], "line 2: price is 'nan'"),
        ([HEADER, VERIFIED.replace("0.05", "-0.05")], "line 2: price is '-0.05'"),
        ([HEADER, VERIFIED.replace("20,legit", "soon,legit")], "line 2: verifiedAfter is 'soon'"),
        ([HEADER, VERIFIED.replace("legit", "Legit")], "line 2: label is 'Legit'; expected legit or attack"),
        ([HEADER, VERIFIED.replace("legit", '"legit')], "line 2: this is not CSV"),
        ([HEADER, VERIFIED, "\udcff" + LOST], "line 3: the text is not UTF-8"),
    ],
)
def test_a_row_that_cannot_be_read_stops_the_replay_with_its_line(
    replay: Replay, tmp_path: Path, rows: list[str], fault: str
) -> None:
    out = tmp_path / "decisions.csv"

    result = replay(*rows, options=("--out", str(out)))

    assert result.exit_code == 1
    assert f"events.csv, {fault}" in result.stderr
    assert result.stdout == ""
    assert not out.exists()


def test_every_faulty_row_is_named_at_once(replay: Replay) -> None:
    result = replay(HEADER, VERIFIED.replace("sms", "5"), VERIFIED, LOST.replace("attack", ""), options=("--json",))

    message = json.loads(result.stderr)["message"]
    assert [line.partition(": ")[0].rpartition(", ")[2] for line in message.splitlines()] == ["line 2", "line 4"]


def test_a_missing_file_is_one_line(replay: Replay) -> None:
    result = CliRunner().invoke(fraud_cli, ["replay", "missing.csv"])

    assert result.exit_code == 1
    assert result.stderr == "Error: missing.csv: No such file or directory\n"
