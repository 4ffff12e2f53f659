"""`flask users`, as an operator uses it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from config import Config
from otp_service.accounts import users
from otp_service.application import create_app
from otp_service.core.database.transactions import transaction
from otp_service.simulator import Simulator
from tests.accounts.phones import UNREACHABLE
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import PASSWORD, Person, make_person, new_details, new_number, sign_in
from tests.processes import ROOT, FlaskCommand
from tests.servers import free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.one_database

COMMANDS = ("create", "list", "show", "verify", "unverify", "lock", "unlock", "delete")
ABOUT_ONE = ("show", "verify", "unverify", "lock", "unlock", "delete")
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Run `flask users ...` in this process."""

    def invoke(*arguments: str, stdin: str | bytes | None = None, on: Flask = app) -> Result:
        return on.test_cli_runner().invoke(args=["users", *arguments], input=stdin)

    return invoke


def create(run: Run, *options: str, stdin: str | bytes = f"{PASSWORD}\n", **changes: str) -> Result:
    details = new_details(**changes)
    return run("create", details["email"], details["phoneNumber"], "--password-stdin", *options, stdin=stdin)


def test_the_help_of_the_group_says_who_who_is_and_what_exit_codes_mean(run: Run) -> None:
    told = " ".join(run("--help").output.split())
    assert "WHO is a user's id, e-mail address, or phone number with its country code, in any spelling" in told
    assert "Exit codes: 0 success, 1 rejected or not found, 2 wrong usage." in told
    assert set(COMMANDS) <= set(re.findall(r"^  ([a-z-]+)  ", run("--help").output, re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_explains_it_and_its_options(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    usage, _, rest = result.output.partition("\n\n")
    assert usage.startswith("Usage:")
    assert re.match(r"  [A-Z][^\n]{15,}", rest)
    options = re.findall(r"^  (--[a-z-]+)[ A-Z]*?(?:  +(\S.*))?$", rest, re.MULTILINE)
    assert "--help" in dict(options)
    assert ("WHO" in usage) == (command in ABOUT_ONE)


def test_the_help_of_create_shows_how_to_call_it(run: Run) -> None:
    told = run("create", "--help").output
    assert "flask users create ada@example.com +14155552671 --verified --password-stdin < password.txt" in told


def test_a_created_user_can_sign_in_and_is_unverified(app: Flask, run: Run, api: Api) -> None:
    details = new_details()
    result = run("create", details["email"], details["phoneNumber"], "--password-stdin", stdin=f"{PASSWORD}\n")
    assert result.exit_code == 0
    assert "state                    unverified" in result.stdout
    assert api.post("/auth/login", {"email": details["email"], "password": PASSWORD}).status_code == 200


def test_a_user_can_be_created_verified_and_in_any_spelling(run: Run) -> None:
    number = new_number()
    spelled = f"+1 ({number[2:5]}) {number[5:8]}-{number[8:]}"
    shown = json.loads(create(run, "--verified", "--json", email="SOMEBODY@Example.com", phoneNumber=spelled).stdout)
    assert (shown["email"], shown["phoneNumber"], shown["isVerified"]) == ("somebody@example.com", number, True)


def test_the_password_is_asked_for_twice_and_not_shown(run: Run, api: Api) -> None:
    details = new_details()
    result = run("create", details["email"], details["phoneNumber"], stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert "Password:" in result.output
    assert "Repeat for confirmation:" in result.output
    assert PASSWORD not in result.output
    assert api.post("/auth/login", {"email": details["email"], "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize("number", UNREACHABLE)
def test_a_number_that_no_code_reaches_is_refused_with_the_reason(app: Flask, run: Run, number: str) -> None:
    person = make_person(app)

    results = [create(run, phoneNumber=number), run("set-phone", person.email, number)]

    assert [result.exit_code for result in results] == [2, 2]
    assert all(UNREACHABLE[number] in " ".join(result.output.split()) for result in results)


def test_two_different_passwords_are_asked_for_again_and_no_answer_creates_nobody(run: Run) -> None:
    details = new_details()
    result = run("create", details["email"], details["phoneNumber"], stdin=f"{PASSWORD}\nAnother-Horse-8\n")
    assert result.exit_code == 1
    assert "do not match" in result.output
    assert (
        "Error: No password was given. Without a terminal to ask on, pipe it in and add --password-stdin."
        in result.output
    )


@pytest.mark.parametrize("ending", ["\n", "\r\n", "", "\nmore lines\n"])
def test_the_password_is_the_first_line_without_its_end(run: Run, api: Api, ending: str) -> None:
    details = new_details(password=" Tram to Zürich 7 ")
    result = create(run, stdin=details["password"] + ending, email=details["email"])
    assert result.exit_code == 0, result.output
    assert api.post("/auth/login", {"email": details["email"], "password": details["password"]}).status_code == 200


@pytest.mark.parametrize(
    ("password", "reason"),
    [("", "at least 8"), ("short", "at least 8"), ("Password1", "too common"), ("alllowercase7", "upper-case")],
)
def test_a_weak_password_is_refused_with_the_reason(run: Run, password: str, reason: str) -> None:
    result = create(run, stdin=f"{password}\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr


def test_a_password_that_is_no_text_is_refused(run: Run) -> None:
    result = create(run, stdin=b"Tram-To-\xff-7x\n")
    assert (result.exit_code, result.stderr) == (1, "Error: The password on standard input is not UTF-8.\n")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"email": "nobody"}, "EMAIL: 'nobody' is not an e-mail address"),
        ({"phoneNumber": "4155552671"}, "PHONE_NUMBER"),
    ],
)
def test_what_is_no_address_or_number_is_wrong_usage(run: Run, changes: dict[str, str], told: str) -> None:
    result = create(run, **changes)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


@pytest.mark.parametrize(
    ("field", "told"),
    [("email", "Email is already registered."), ("phone_number", "Phone number is already registered.")],
)
def test_a_second_user_of_an_address_or_number_is_refused(app: Flask, run: Run, field: str, told: str) -> None:
    person = make_person(app)
    name = {"email": "email", "phone_number": "phoneNumber"}[field]
    result = create(run, **{name: getattr(person, field)})
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {told}\n")


@pytest.mark.parametrize("arguments", [[], ["a@example.com"], ["a@example.com", "+14155552671", "surplus"]])
def test_missing_or_surplus_arguments_are_wrong_usage(run: Run, arguments: list[str]) -> None:
    assert run("create", *arguments).exit_code == 2


@pytest.mark.parametrize("command", ABOUT_ONE)
def test_a_command_about_one_user_wants_to_know_who(run: Run, command: str) -> None:
    result = run(command)
    assert result.exit_code == 2
    assert "Missing argument 'WHO'" in result.stderr
    assert run(command, "1", "--nonsense").exit_code == 2


@pytest.mark.parametrize("command", ABOUT_ONE)
@pytest.mark.parametrize(
    "who", ["999999999", "nobody@example.com", "+14155550000", "nonsense", "", "-", "0", "1 OR 1=1"]
)
def test_nobody_by_that_name_is_exit_code_1_and_tells_what_to_do(run: Run, command: str, who: str) -> None:
    result = run(command, "--", who)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: No user has the id, e-mail or number {who!r}. Try: flask users list\n"


@pytest.mark.parametrize(
    "spelling", ["{id}", "{email}", "{EMAIL}", "{number}", "{spaced}", "00{digits}", "tel:{number}"]
)
def test_who_may_be_spelled_in_any_way(app: Flask, run: Run, spelling: str) -> None:
    person = make_person(app)
    number = person.phone_number
    who = spelling.format(
        id=person.id,
        email=person.email,
        EMAIL=person.email.upper(),
        number=number,
        digits=number[1:],
        spaced=f"+1 ({number[2:5]}) {number[5:8]} {number[8:]}",
    )
    assert json.loads(run("show", who, "--json").stdout)["id"] == person.id


def test_a_national_number_is_taken_where_a_country_is_set(app: Flask, run: Run, make_app: MakeApp) -> None:
    person = make_person(app)
    national = person.phone_number[2:]
    assert run("show", national).exit_code == 1
    shown = run("show", national, "--json", on=make_app(PHONE_DEFAULT_REGION="US"))
    assert json.loads(shown.stdout)["id"] == person.id


def test_json_is_the_only_thing_on_standard_output(app: Flask, run: Run) -> None:
    person = make_person(app)
    for command in ("show", "verify", "unverify", "lock", "unlock"):
        shown = json.loads(run(command, person.email, "--json").stdout)
        assert set(shown) - {"sessions", "events", "codes"} == {
            "id", "email", "emailVerifiedAt", "phoneNumber", "phoneVerifiedAt", "challengesVoidBefore", "lockedAt",
            "displayName", "locale", "createdAt", "isVerified", "passwordChangedAt", "holdsNumber",
            "strangersVoidBefore", "passwordVerifiedAt", "heldUntil", "phoneOffAt", "eraseAt", "lockReason",
            "recoveryHoldUntil",
        }  # fmt: skip
    assert [user["id"] for user in json.loads(run("list", "--json").stdout)] == [person.id]


def test_show_tells_live_sessions_and_the_last_events(app: Flask, api: Api, sinch: Simulator, run: Run) -> None:
    person = make_person(app)
    session_id = sign_in(api, sinch, person)["sessionId"]
    shown = json.loads(run("show", person.email, "--json").stdout)
    assert [session["id"] for session in shown["sessions"]] == [session_id]
    assert shown["events"][0]["event"] == "session.started"
    text = run("show", person.email).stdout
    assert "live sessions: 1" in text
    assert session_id in text
    assert "session.started" in text


def test_no_command_shows_the_password_or_its_hash(app: Flask, run: Run) -> None:
    person = make_person(app)
    told = [run(command, person.email).output for command in ("show", "verify", "lock", "unlock")]
    told += [run("list").output, run("show", person.email, "--json").output]
    assert not re.search(r"bcrypt|\$2b|hash|" + PASSWORD, "".join(told))


def test_what_people_wrote_cannot_steer_the_operators_terminal(app: Flask, run: Run) -> None:
    person, name = make_person(app), "Ann\x1b]0;owned\x07\u202e\x9b31m"
    with app.app_context(), transaction():
        users.edit(person.id, display_name=name)  # as it may stand there since before such names were refused
    told = [run("show", person.email).output, run("show", person.email, "--json").output, run("list").output]
    assert not re.search("[^\\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e-\u202e]", "".join(told))
    assert json.loads(told[1])["displayName"] == name


def test_the_list_shows_the_newest_first_and_their_state(app: Flask, run: Run) -> None:
    first, second, third = make_person(app), make_person(app, is_verified=True), make_person(app)
    run("lock", third.email)
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == ["ID", "E-MAIL", "PHONE", "STATE"]
    assert [line.split() for line in lines[1:]] == [
        [str(third.id), third.email, third.phone_number, "locked"],
        [str(second.id), second.email, second.phone_number, "verified"],
        [str(first.id), first.email, first.phone_number, "unverified"],
    ]


def test_the_list_is_as_long_as_asked_for(app: Flask, run: Run) -> None:
    people = [make_person(app) for _ in range(3)]
    shown = json.loads(run("list", "--limit", "2", "--json").stdout)
    assert [user["id"] for user in shown] == [people[2].id, people[1].id]


@pytest.mark.parametrize("limit", ["0", "-1", "10001", "many"])
def test_a_limit_out_of_bounds_is_wrong_usage(run: Run, limit: str) -> None:
    assert run("list", "--limit", limit).exit_code == 2


def test_an_empty_list_tells_how_to_begin(run: Run) -> None:
    assert "flask users create EMAIL PHONE_NUMBER" in run("list").stdout
    assert json.loads(run("list", "--json").stdout) == []


def test_verify_counts_the_number_as_proven(app: Flask, run: Run) -> None:
    person = make_person(app)
    assert json.loads(run("verify", person.phone_number, "--json").stdout)["isVerified"] is True
    with app.app_context():
        assert users.get(person.id).is_verified


def test_lock_and_unlock_take_effect_at_once(app: Flask, run: Run, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]
    assert json.loads(run("lock", person.email, "--json").stdout)["lockedAt"] is not None
    assert api.get("/profile", token=token).status_code == 401
    assert api.post("/auth/login", person.credentials).status_code == 401
    assert json.loads(run("unlock", person.email, "--json").stdout)["lockedAt"] is None
    assert api.post("/auth/login", person.credentials).status_code == 200


def test_delete_asks_and_names_whom(app: Flask, run: Run) -> None:
    person = make_person(app)
    result = run("delete", person.email, stdin="n\n")
    assert result.exit_code == 1
    assert f"Delete user {person.id} ({person.email}) for good? [y/N]" in result.output
    assert exists(app, person)


@pytest.mark.parametrize("answer", ["", "\n", "no\n", "maybe\n"])
@pytest.mark.parametrize("command", ["delete", "reset-mfa"])
def test_nothing_changes_without_a_yes(app: Flask, run: Run, command: str, answer: str) -> None:
    person = make_person(app)

    result = run(command, person.email, stdin=answer)

    assert result.exit_code == 1
    assert "Error: Nothing was changed." in result.stderr
    assert ("add --yes" in result.stderr) == (answer in {"", "maybe\n"})
    assert exists(app, person)


@pytest.mark.parametrize(("option", "answer"), [("--yes", ""), (None, "y\n")])
def test_delete_deletes_for_good(app: Flask, run: Run, option: str | None, answer: str) -> None:
    person = make_person(app)
    result = run("delete", *filter(None, [option]), person.email, stdin=answer)
    assert result.exit_code == 0
    assert f"Deleted user {person.id}." in result.stdout
    assert not exists(app, person)
    assert run("show", person.email).exit_code == 1


def exists(app: Flask, person: Person) -> bool:
    with app.app_context():
        return users.find_by_id(person.id) is not None


def test_a_database_without_tables_is_told_in_words(run: Run, tmp_path: Path) -> None:
    environment = {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}"}
    result = run("list", on=create_app(Config.from_env(environment)))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The database cannot be used: no such table: users\n")
    assert "flask db upgrade" in result.stderr


def test_a_database_that_is_away_is_told_in_words(run: Run, tmp_path: Path) -> None:
    address = f"postgresql://postgres:pa55word@127.0.0.1:{free_port()}/nowhere"
    result = run("list", on=create_app(Config.from_env({"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": address})))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The database cannot be used: connection to server" in result.stderr
    assert "Traceback" not in result.stderr
    assert "pa55word" not in result.stderr


@pytest.fixture
def shell(app: Flask, environment: dict[str, str], tmp_path: Path) -> FlaskCommand:
    """The flask command in processes of its own."""
    return FlaskCommand(tmp_path, {**environment, "LOG_LEVEL": "DEBUG"})


def test_in_a_real_process_output_is_json_and_nothing_else_is_said(app: Flask, shell: FlaskCommand) -> None:
    details = new_details()
    arguments = ("create", details["email"], details["phoneNumber"], "--password-stdin", "--json")

    told = shell.run("users", *arguments, stdin=f"{PASSWORD}\n")

    shown: dict[str, Any] = json.loads(told.output)
    assert (told.code, shown["email"]) == (0, details["email"])
    assert told.complaints == ""
    assert PASSWORD not in told.output + told.complaints


def test_the_password_is_not_in_the_process_list(app: Flask, environment: dict[str, str]) -> None:
    details = new_details()
    command = [sys.executable, "-m", "flask", "--app", "wsgi:app", "users", "create"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*command, details["email"], details["phoneNumber"], "--password-stdin"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
    arguments, variables = (Path(f"/proc/{process.pid}/{name}") for name in ("cmdline", "environ"))
    wait_until(arguments.read_bytes)  # both are empty for a moment while the program takes its place
    wait_until(variables.read_bytes)
    seen = arguments.read_bytes() + variables.read_bytes()
    output, complaints = process.communicate(f"{PASSWORD}\n")
    assert (process.returncode, complaints) == (0, "")
    assert details["email"] in output
    assert b"--password-stdin" in seen
    assert PASSWORD.encode() not in seen


def test_in_a_real_process_the_exit_codes_are_the_same(app: Flask, shell: FlaskCommand) -> None:
    person = make_person(app)
    assert shell.run("users", "show", person.email).code == 0
    assert shell.run("users", "show", "nobody@example.com").code == 1
    again = ("create", person.email, new_number(), "--password-stdin")
    assert shell.run("users", *again, stdin=f"{PASSWORD}\n").code == 1
    assert shell.run("users", "show").code == 2
    assert shell.run("users", "delete", person.email).code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nobody@example.com"),
        ("create", "no address", "+14155552671"),
        ("show",),
        ("delete", "nobody@example.com", "--no-such-option"),
        ("list", "--limit", "0"),
    ],
)
def test_with_json_an_error_is_json_with_the_same_exit_code(run: Run, arguments: tuple[str, ...]) -> None:
    in_words, as_json = run(*arguments), run(*arguments, "--json")

    error = json.loads(as_json.stderr)
    assert error["status"] == "error"
    assert error["message"].splitlines()[0] in in_words.stderr
    assert (as_json.stdout, as_json.exit_code) == ("", in_words.exit_code)


def test_an_export_replaces_a_file_only_on_request(app: Flask, run: Run, tmp_path: Path) -> None:
    make_person(app)
    file = tmp_path / "users.csv"
    file.write_text("precious")

    refused = run("export", "--output", str(file))
    kept = file.read_text()
    replaced = run("export", "--output", str(file), "--overwrite")

    assert (refused.exit_code, kept) == (1, "precious")
    assert f"{file} exists. Name another file, or add --overwrite." in refused.stderr
    assert replaced.exit_code == 0
    assert file.read_text().startswith("email,")
