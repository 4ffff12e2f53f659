"""`flask hooks`, as an operator uses it."""

import json
import uuid
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from standardwebhooks import Webhook

from otp_service.hooks.event_types import TYPES
from tests.hooks.receiver import Receiver
from tests.hooks.sending import add_hook, happen, stored, work


def run(app: Flask, *arguments: str) -> Result:
    """What `flask hooks ...` prints and how it ends; only unforeseen errors come through."""
    result = app.test_cli_runner().invoke(args=["hooks", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def add(app: Flask, url: str, *arguments: str) -> dict[str, Any]:
    """Add a hook; the JSON that this prints."""
    result = run(app, "add", url, "--json", *arguments)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_a_hook_that_was_added_gets_events_signed_with_the_secret_that_was_printed(
    service: Flask, receiver: Receiver
) -> None:
    hook = add(service, receiver.url, "--event", "user.unlocked", "--event", "session.*")

    happen(service)
    work(service)

    (got,) = receiver.events
    assert hook["secret"].startswith("whsec_")
    assert Webhook(hook["secret"]).verify(got.body, got.headers)["type"] == "user.unlocked"
    assert hook["events"] == ["user.unlocked", "session.*"]


@pytest.mark.one_database
def test_adding_prints_id_and_secret_as_text(service: Flask, receiver: Receiver) -> None:
    result = run(service, "add", receiver.url, "--event", "user.created")

    lines = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert uuid.UUID(lines["id"])
    assert lines["secret"].startswith("whsec_")
    assert f"flask hooks test {lines['id']}" in result.stderr


@pytest.mark.one_database
def test_adding_sends_a_request_for_the_head_and_no_event(service: Flask, receiver: Receiver) -> None:
    receiver.status = 405

    assert add(service, receiver.url, "--event", "user.created")["probe"]["status"] == 405
    add(service, receiver.url, "--event", "user.created", "--no-probe")

    assert [got.method for got in receiver.requests] == ["HEAD"]


@pytest.mark.one_database
def test_the_list_shows_no_token_of_a_url(service: Flask, receiver: Receiver) -> None:
    hook = add(service, f"{receiver.url}?token=canary", "--event", "user.unlocked")
    add(service, receiver.url, "--event", "user.unlocked")

    listed = [run(service, "list", *options).stdout for options in ((), ("--json",))]
    happen(service)
    work(service)

    assert hook["url"] == f"{receiver.url}?..."
    for text in listed:
        assert "canary" not in text
        assert (text.count(f"{receiver.url}?..."), text.count(receiver.url)) == (1, 2)
    assert sorted(got.path for got in receiver.events) == ["/events", "/events?token=canary"]


@pytest.mark.one_database
def test_a_receiver_that_starts_later_may_be_added(service: Flask) -> None:
    with Receiver() as receiver:
        url = receiver.url

    hook = add(service, url, "--event", "user.created")

    assert hook["probe"]["problem"] == "no connection: refused"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://nowhere.invalid/", "a host that does not resolve"),
        ("http://user:pw@127.0.0.1/", "a user or a password"),
        ("http://127.0.0.1/#x", "a fragment"),
        ("ftp://127.0.0.1/", "not an address"),
        ("http://169.254.169.254/latest", "a cloud's metadata service"),
        ("http://0.0.0.0:8000/", "an unspecified address"),
    ],
)
@pytest.mark.one_database
def test_a_url_that_cannot_work_is_rejected_with_the_reason(service: Flask, url: str, reason: str) -> None:
    result = run(service, "add", url, "--event", "user.created")

    assert (result.exit_code, "HOOKS_ALLOW_PRIVATE" in result.stderr) == (1, False)
    assert reason in result.stderr
    assert json.loads(run(service, "list", "--json").stdout) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]"])
@pytest.mark.parametrize("options", [(), ("--no-probe",)])
@pytest.mark.one_database
def test_a_private_address_is_rejected_unless_the_setting_allows_it(
    app: Flask, receiver: Receiver, host: str, options: tuple[str, ...]
) -> None:
    if host == "localhost" and options:
        return  # a name is resolved by the probe, and at each try
    result = run(app, "add", receiver.url.replace("127.0.0.1", host), "--event", "user.created", *options)

    assert result.exit_code == 1
    assert "HOOKS_ALLOW_PRIVATE=true" in result.stderr
    assert receiver.requests == []


@pytest.mark.one_database
def test_a_url_that_redirects_is_rejected(service: Flask, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": "https://elsewhere.example/"}

    result = run(service, "add", receiver.url, "--event", "user.created")

    assert result.exit_code == 1
    assert "redirect (HTTP 302) to https://elsewhere.example/" in result.stderr


@pytest.mark.parametrize("event", ["user.crated", "user", "frauds.*", "usr.*", "", "session.*.x"])
@pytest.mark.one_database
def test_an_unknown_event_is_rejected_with_the_possible_ones(service: Flask, event: str) -> None:
    result = run(service, "add", "http://127.0.0.1:9/", "--event", event)

    assert result.exit_code == 2
    assert all(name in result.stderr for name in (*TYPES, "user.*, session.*, verification.*, spend.*, fraud.*, *"))


@pytest.mark.one_database
def test_a_test_message_shows_the_response_and_fails_unless_it_is_2xx(service: Flask, receiver: Receiver) -> None:
    hook = add(service, receiver.url, "--event", "user.created")

    good = run(service, "test", hook["id"])
    receiver.status, receiver.body = 500, b"\x1b[31mno\nway"
    bad = run(service, "test", hook["id"], "--json")

    got = receiver.events[0]
    assert Webhook(hook["secret"]).verify(got.body, got.headers)["type"] == "hook.test"
    assert good.exit_code == 0
    assert "200" in good.stdout
    assert "thanks" in good.stdout
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["status"] == 500
    assert "\x1b" not in run(service, "test", hook["id"]).stdout


def test_the_list_shows_what_waits_and_what_was_given_up(service: Flask, receiver: Receiver) -> None:
    hook = add(service, f"{receiver.url}/a", "--event", "user.*", "--with-numbers")
    happen(service)
    receiver.status = 503
    work(service)

    (shown,) = json.loads(run(service, "list", "--json").stdout)
    assert shown == {
        **{name: hook[name] for name in ("id", "url", "events", "app", "withNumbers", "createdAt")},
        "state": "failing",
        "disabledBecause": None,
        "failingSince": shown["failingSince"],
        "pending": 1,
        "dead": 0,
    }
    assert hook["url"] in run(service, "list").stdout
    (delivery,) = json.loads(run(service, "deliveries", "--hook", hook["id"], "--json").stdout)
    assert (delivery["state"], delivery["lastStatus"], delivery["attempts"]) == ("pending", 503, 1)
    assert "HTTP 503" in run(service, "deliveries", "--state", "pending").stdout


def test_a_delivered_event_can_be_sent_again_with_its_id(service: Flask, receiver: Receiver) -> None:
    add_hook(service, receiver.url)
    happen(service)
    work(service)
    (one,) = stored(service)

    assert run(service, "redeliver", str(one.id)).exit_code == 0
    work(service)

    assert [got.id for got in receiver.events] == [str(one.id)] * 2


def test_all_events_that_were_given_up_are_sent_again(service: Flask, receiver: Receiver) -> None:
    hook_id = add_hook(service, receiver.url)
    receiver.status = 410
    happen(service)
    work(service)

    receiver.status = 200
    run(service, "enable", str(hook_id))
    result = run(service, "redeliver", "--dead", "--hook", str(hook_id))
    work(service)

    assert result.stdout == "1 event will be sent again.\n"
    assert [one.state for one in stored(service)] == ["delivered"]


@pytest.mark.parametrize("arguments", [(), ("--hook", str(uuid.uuid4())), (str(uuid.uuid4()), "--dead")])
def test_a_redelivery_names_one_event_or_all(service: Flask, arguments: tuple[str, ...]) -> None:
    assert run(service, "redeliver", *arguments).exit_code == 2


def test_a_hook_is_disabled_enabled_and_deleted(service: Flask, receiver: Receiver) -> None:
    hook_id = str(add_hook(service, receiver.url))

    assert run(service, "disable", hook_id).exit_code == 0
    assert json.loads(run(service, "list", "--json").stdout)[0]["state"] == "disabled"
    assert run(service, "enable", hook_id).exit_code == 0
    assert json.loads(run(service, "list", "--json").stdout)[0]["state"] == "enabled"
    assert run(service, "delete", hook_id).exit_code == 1  # without a terminal to confirm on
    assert run(service, "delete", hook_id, "--yes").exit_code == 0
    assert json.loads(run(service, "list", "--json").stdout) == []


def test_a_new_secret_is_printed_once(service: Flask, receiver: Receiver) -> None:
    hook_id = str(add_hook(service, receiver.url))

    printed = json.loads(run(service, "rotate-secret", hook_id, "--json").stdout)
    happen(service)
    work(service)

    got = receiver.events[0]
    assert Webhook(printed["secret"]).verify(got.body, got.headers)
    assert printed["secret"] not in run(service, "list", "--json").stdout


@pytest.mark.parametrize("command", ["test", "rotate-secret", "disable", "enable", "delete"])
@pytest.mark.one_database
def test_an_unknown_hook_is_named_as_such(service: Flask, command: str) -> None:
    result = run(service, command, str(uuid.uuid4()))

    assert result.exit_code == 1
    assert "No such hook" in result.stderr
