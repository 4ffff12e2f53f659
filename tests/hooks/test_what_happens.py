"""Every way in which something happens to an account or a session, and the events that other services get of it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from otp_service import audit
from otp_service.accounts import registrations
from otp_service.core import clock
from otp_service.hooks.event_messages import body_of
from otp_service.hooks.event_types import FRAUD, MEANINGS, SESSION, SPEND, TYPES, USER, VERIFICATION
from otp_service.jobs import retention
from otp_service.jobs.schedule import NUMBERS
from otp_service.simulator import Simulator
from tests.accounts.email.letters import release_sent, token_sent
from tests.accounts.moving import csv_of, flask_users, row
from tests.accounts.phones import COOLDOWN, change_number, undo_token
from tests.api import Api
from tests.auth.test_set_password import link_for, set_password
from tests.conftest import Time
from tests.factories import PASSWORD, Person, make_person, new_details, new_number, sign_in
from tests.factors.totp.authenticator import enrol
from tests.hooks.receiver import Got
from tests.hooks.sending import add_hook, stored, turn
from tests.recovery.resets import confirm, reset_code
from tests.test_audit_page import listed

DAY = 86_400
NEW = "Another-Horse-8"
ENDED, STARTED = "session.ended", "session.started"
MOVED = [f"{ENDED} replacedBy", f"{STARTED} replaces"]
"""A session goes on with another id."""


@dataclass
class Scene:
    """A service, and somebody who is registered."""

    app: Flask
    api: Api
    sinch: Simulator
    time: Time
    ada: Person

    def sign_in(self, person: Person | None = None) -> str:
        """The access token of another session."""
        self.time.advance(COOLDOWN)
        return str(sign_in(self.api, self.sinch, person or self.ada)["token"])

    def flask(self, *arguments: str) -> None:
        """Run a command."""
        result = self.app.test_cli_runner().invoke(args=list(arguments))
        assert result.exit_code == 0, result.output

    def retain(self) -> None:
        """Do what the worker does once a day."""
        with self.app.app_context():
            retention.run()


Act = Callable[[Scene], Iterator[None]]
"""Prepares something, yields, and does it: the hook is added in between."""

CASES: dict[str, tuple[Act, list[str]]] = {}


def leads_to(*expected: str) -> Callable[[Act], Act]:
    """Add an act to the cases."""

    def add(act: Act) -> Act:
        CASES[act.__name__] = (act, sorted(expected))
        return act

    return add


# Accounts


@leads_to("user.created isVerified=False")
def registering(scene: Scene) -> Iterator[None]:
    yield
    assert scene.api.post("/auth/register", new_details()).status_code == 201


@leads_to("user.created isVerified=True")
def creating_by_command(scene: Scene) -> Iterator[None]:
    yield
    with scene.app.app_context():
        registrations.create(
            email="by@example.com",
            phone_number=new_number(),
            password_hash="x",
            client=audit.COMMAND_LINE,
            is_verified=True,
        )


@leads_to("user.created isVerified=False", "user.created isVerified=False", "user.created isVerified=True")
def importing(scene: Scene) -> Iterator[None]:
    yield
    users = csv_of(*(row(number, isVerified=str(number == 2).lower()) for number in (1, 2, 3)))
    assert flask_users(scene.app, "import", "-", stdin=users).exit_code == 0


@leads_to("user.deleted reason=operator")
def deleting_by_command(scene: Scene) -> Iterator[None]:
    yield
    scene.flask("users", "delete", str(scene.ada.id), "--yes")


@leads_to(ENDED, ENDED)
def asking_for_a_deletion(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    token = scene.sign_in()
    yield
    scene.api.send("DELETE", "/account", token=token, json={"password": PASSWORD})


@leads_to("user.deleted reason=requested")
def the_end_of_a_pending_deletion(scene: Scene) -> Iterator[None]:
    scene.api.send("DELETE", "/account", token=scene.sign_in(), json={"password": PASSWORD})
    yield
    scene.time.advance(8 * DAY)
    scene.retain()


@leads_to(STARTED)
def undoing_a_deletion(scene: Scene) -> Iterator[None]:
    scene.api.send("DELETE", "/account", token=scene.sign_in(), json={"password": PASSWORD})
    yield
    scene.sign_in()


@leads_to("user.deleted reason=never_verified")
def the_end_of_an_unverified_registration(scene: Scene) -> Iterator[None]:
    scene.api.post("/auth/register", new_details())
    yield
    scene.time.advance(DAY + 1)
    scene.retain()


@leads_to("user.locked reason=operator", ENDED)
def locking(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    yield
    scene.flask("users", "lock", str(scene.ada.id))


@leads_to("user.unlocked")
def unlocking(scene: Scene) -> Iterator[None]:
    scene.flask("users", "lock", str(scene.ada.id))
    yield
    scene.flask("users", "unlock", str(scene.ada.id))


# Numbers


@leads_to("user.phone_verified isVerified=True", STARTED)
def the_first_sign_in_by_code(scene: Scene) -> Iterator[None]:
    yield
    scene.sign_in()


@leads_to("user.phone_verified isVerified=True")
def verifying_by_command(scene: Scene) -> Iterator[None]:
    yield
    scene.flask("users", "verify", str(scene.ada.id))


@leads_to("user.phone_lost reason=unverified")
def unverifying_by_command(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    yield
    scene.flask("users", "unverify", str(scene.ada.id))


@leads_to("user.phone_changed isVerified=True", "user.phone_verified isVerified=True", ENDED, *MOVED)
def changing_the_number(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    token = scene.sign_in()
    yield
    change_number(scene.api, scene.sinch, token, new_number())


@leads_to("user.phone_changed isVerified=True", "user.phone_verified isVerified=True", ENDED)
def undoing_a_change_of_number(scene: Scene) -> Iterator[None]:
    change_number(scene.api, scene.sinch, scene.sign_in(), new_number())
    yield
    body = {"token": undo_token(scene.api, scene.ada), "password": PASSWORD}
    assert scene.api.post("/account/phone/undo", body).status_code == 200


@leads_to("user.locked reason=undo_without_proof", ENDED)
def freezing_an_account_by_an_undo(scene: Scene) -> Iterator[None]:
    change_number(scene.api, scene.sinch, scene.sign_in(), new_number())
    yield
    scene.api.post("/account/phone/undo", {"token": undo_token(scene.api, scene.ada)})


@leads_to("user.phone_changed isVerified=False")
def setting_a_number_by_command(scene: Scene) -> Iterator[None]:
    yield
    scene.flask("users", "set-phone", str(scene.ada.id), new_number())


@leads_to("user.phone_changed isVerified=True", "user.phone_verified isVerified=True", *MOVED)
def setting_a_verified_number_by_command(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    yield
    scene.flask("users", "set-phone", str(scene.ada.id), new_number(), "--verified")


@leads_to(
    "user.phone_lost reason=verified_by_another",
    "user.phone_changed isVerified=True",
    "user.phone_verified isVerified=True",
    *MOVED,
)
def losing_a_number_to_another_account(scene: Scene) -> Iterator[None]:
    other = make_person(scene.app)
    scene.sign_in()
    token = scene.sign_in(other)
    yield
    change_number(scene.api, scene.sinch, token, scene.ada.phone_number)


# Addresses, passwords, factors


@leads_to("user.email_verified")
def verifying_an_address(scene: Scene) -> Iterator[None]:
    token = scene.sign_in()
    scene.api.post("/auth/verify-email/resend", token=token)
    yield
    scene.api.post("/auth/verify-email", {"token": token_sent(scene.api, scene.ada.email)})


@leads_to("user.email_changed", "user.email_verified", ENDED, *MOVED)
def changing_the_address(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    token = scene.sign_in()
    scene.api.post("/account/email", {"email": "new@example.com"}, token=token)
    yield
    scene.api.post("/auth/verify-email", {"token": token_sent(scene.api, "new@example.com")}, token=token)


@leads_to("user.email_changed reason=released")
def releasing_an_address(scene: Scene) -> Iterator[None]:
    details = new_details()
    user_id = scene.api.post("/auth/register", details).json["userId"]
    scene.sign_in(Person(user_id, details["email"], details["phoneNumber"]))
    yield
    token = release_sent(scene.api, details["email"])
    assert scene.api.post("/auth/release-email", {"token": token}).status_code == 200


@leads_to("user.password_changed reason=changed", ENDED, *MOVED)
def changing_the_password(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    token = scene.sign_in()
    yield
    scene.api.post("/account/password", {"currentPassword": PASSWORD, "newPassword": NEW}, token=token)


@leads_to("user.password_changed reason=reset", ENDED)
def resetting_the_password(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    scene.time.advance(COOLDOWN)
    yield
    code = reset_code(scene.api, scene.sinch, scene.ada)
    assert confirm(scene.api, scene.ada.email, code).status_code == 204


@leads_to("user.password_changed reason=link", ENDED)
def setting_the_password_by_a_link(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    yield
    assert set_password(scene.api, link_for(scene.app, scene.ada)) == 204


@leads_to("user.factor_added factor=totp", "user.factor_added factor=backup_codes", *MOVED)
def adding_an_authenticator_app(scene: Scene) -> Iterator[None]:
    token = scene.sign_in()
    yield
    enrol(scene.api, token)


@leads_to("user.factor_removed factor=totp", "user.factor_removed factor=backup_codes", ENDED)
def removing_all_factors_by_command(scene: Scene) -> Iterator[None]:
    enrol(scene.api, scene.sign_in())
    yield
    scene.flask("users", "reset-mfa", str(scene.ada.id), "--yes")


# Sessions


@leads_to(STARTED)
def signing_in_again(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    yield
    scene.sign_in()


@leads_to(ENDED)
def signing_out(scene: Scene) -> Iterator[None]:
    token = scene.sign_in()
    yield
    scene.api.post("/auth/logout", token=token)


@leads_to(ENDED, ENDED)
def signing_out_everywhere(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    token = scene.sign_in()
    yield
    scene.api.post("/auth/logout-all", token=token)


@leads_to(ENDED, ENDED)
def revoking_every_session_by_command(scene: Scene) -> Iterator[None]:
    scene.sign_in()
    scene.sign_in(make_person(scene.app))
    yield
    scene.flask("sessions", "revoke", "--all", "--yes")


@leads_to(f"{ENDED} reason=token_reused")
def using_a_refresh_token_again(scene: Scene) -> Iterator[None]:
    body = {"refreshToken": sign_in(scene.api, scene.sinch, scene.ada)["refreshToken"]}
    scene.api.post("/auth/refresh", body)
    scene.time.advance(11)
    yield
    assert scene.api.post("/auth/refresh", body).json["code"] == "token_reused"


@leads_to()
def refreshing(scene: Scene) -> Iterator[None]:
    body = {"refreshToken": sign_in(scene.api, scene.sinch, scene.ada)["refreshToken"]}
    yield
    scene.api.post("/auth/refresh", body)


@leads_to()
def a_wrong_password(scene: Scene) -> Iterator[None]:
    yield
    scene.api.post("/auth/login", {**scene.ada.credentials, "password": "Wrong-Horse-9"})


# The table


SHOWN = ("reason", "factor", "isVerified")
MARKED = ("replacedBy", "replaces")


def events(app: Flask) -> list[Got]:
    """The messages of all deliveries, as a receiver would get them."""
    found = []
    for one in stored(app):
        with app.app_context():
            entry = audit.find_entry(one.event_id)
            assert entry is not None
            body = body_of(one.id, one.type, entry, numbers=NUMBERS, has_numbers=False)
        found.append(Got("POST", "/", {}, body))
    return found


def described(got: Got) -> str:
    """An event in one line: its type, and what it says beyond ids and numbers."""
    data = got.json["data"]
    said = [f"{name}={data[name]}" for name in SHOWN if name in data] + [name for name in MARKED if name in data]
    return " ".join([got.type, *said])


@pytest.mark.parametrize("name", CASES)
def test_other_services_are_told_what_happens(
    service: Flask, api: Api, sinch: Simulator, time: Time, ada: Person, name: str
) -> None:
    act, expected = CASES[name]
    running = act(Scene(service, api, sinch, time, ada))
    next(running)
    add_hook(service, "http://127.0.0.1:9/", "user.*", "session.*")

    for _ in running:
        pytest.fail("an act yields once")
    turn(service)

    found = events(service)
    assert sorted(map(described, found)) == expected
    assert all(isinstance(got.json["data"]["userId"], int) for got in found)
    assert all(re.fullmatch(r"[0-9a-f-]{36}", got.json["data"]["sessionId"]) for got in found if "session." in got.type)
    assert all(got.json["at"] <= clock.now().isoformat() for got in found)


def test_every_type_of_users_and_sessions_is_in_the_table() -> None:
    told = {line.split(" ")[0] for _, expected in CASES.values() for line in expected}

    assert told == {name for name in TYPES if not name.startswith(("verification.", "spend.", "fraud."))}
    assert len(TYPES) == len(USER) + len(SESSION) + len(VERIFICATION) + len(SPEND) + len(FRAUD)


def test_every_event_that_has_a_meaning_is_one_of_the_trail() -> None:
    of_users = {event for event in MEANINGS if not event.startswith("verification.")}

    assert of_users - set(listed()) == set()
