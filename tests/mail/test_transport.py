"""Messages leave over real SMTP, encrypted as the settings say, or they do not leave."""

from collections.abc import Iterator
from dataclasses import replace
from email.headerregistry import Address
from pathlib import Path

import pytest

from otp_service.core import clock
from otp_service.mail import Failure, Message, NotSent, send
from otp_service.mail.settings import SmtpServer
from tests.mail.mailbox import MECHANISMS, PASSWORD, USER, Mailbox
from tests.servers import free_port
from tests.sinch.certificates import server_context

MESSAGE = Message(
    to="person@example.com", subject="Prüfung ✓", text="Grüße\n", html="<p>Grüße</p>", message_id="<1@x>", locale="de"
)


def server_of(mailbox: Mailbox, **changes: object) -> SmtpServer:
    server = SmtpServer(host="127.0.0.1", port=mailbox.port, tls=mailbox.tls)
    return replace(server, **changes)  # type: ignore[arg-type]


def deliver(server: SmtpServer, message: Message = MESSAGE) -> None:
    send(message, server=server, sender=Address("Example", addr_spec="no-reply@example.com"), at=clock.now())


def refusal(server: SmtpServer) -> NotSent:
    with pytest.raises(NotSent) as refused:
        deliver(server)
    return refused.value


@pytest.fixture(params=["starttls", "tls"])
def encrypted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Mailbox, Path]]:
    """A server with TLS of either kind, and the file to trust it by."""
    context, bundle = server_context(tmp_path)
    with Mailbox(tls=request.param, context=context, needs_login=True) as mailbox:
        yield mailbox, Path(bundle)


def test_what_was_written_arrives(mailbox: Mailbox) -> None:
    deliver(server_of(mailbox))
    (email,) = mailbox.messages
    assert (email["To"], email["From"]) == ("person@example.com", "Example <no-reply@example.com>")
    assert (email["Subject"], email["Message-ID"]) == ("Prüfung ✓", "<1@x>")
    assert [part.get_content().strip() for part in email.iter_parts()] == ["Grüße", "<p>Grüße</p>"]


def test_a_trusted_server_gets_the_message_with_the_right_password(encrypted: tuple[Mailbox, Path]) -> None:
    mailbox, bundle = encrypted
    deliver(server_of(mailbox, ca_file=bundle, user=USER, password=PASSWORD))
    assert len(mailbox.messages) == 1


def test_a_wrong_password_is_the_servers_trouble_and_not_the_messages(encrypted: tuple[Mailbox, Path]) -> None:
    mailbox, bundle = encrypted
    error = refusal(server_of(mailbox, ca_file=bundle, user=USER, password="wrong"))
    assert (error.reason, error.failure) == ("SMTPAuthenticationError 535", Failure.REJECTED)
    assert mailbox.messages == []


def test_a_certificate_that_nobody_vouches_for_gets_nothing(encrypted: tuple[Mailbox, Path]) -> None:
    mailbox, _ = encrypted
    assert refusal(server_of(mailbox, user=USER, password=PASSWORD)).reason.startswith("SSLCertVerificationError")
    assert mailbox.messages == []


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_for_another_host_gets_nothing(tmp_path: Path, tls: str) -> None:
    context, bundle = server_context(tmp_path, address="127.0.0.2")
    with Mailbox(tls=tls, context=context) as mailbox:
        assert refusal(server_of(mailbox, ca_file=Path(bundle))).reason.startswith("SSLCertVerificationError")
        assert mailbox.messages == []


def test_a_server_without_starttls_gets_nothing_when_it_is_wanted(mailbox: Mailbox) -> None:
    error = refusal(server_of(mailbox, tls="starttls", user=USER, password=PASSWORD))
    assert (error.reason, error.failure) == ("SMTPNotSupportedError", Failure.REJECTED)
    assert mailbox.messages == []


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("password", [PASSWORD, "Grüße-Zürich-7", "пароль-日本-🔑"])
def test_a_password_of_any_letters_signs_in_by_each_mechanism(mechanism: str, password: str) -> None:
    with Mailbox(needs_login=True, mechanisms=(mechanism,), password=password) as mailbox:
        deliver(server_of(mailbox, user=USER, password=password))
        assert len(mailbox.messages) == 1

        error = refusal(server_of(mailbox, user=USER, password=f"{password}x"))

    assert (error.reason, error.failure) == ("SMTPAuthenticationError 535", Failure.REJECTED)


@pytest.mark.parametrize("domain", ["bücher.example", "xn--bcher-kva.example"])
@pytest.mark.parametrize("smtputf8", [True, False])
def test_the_domain_of_an_address_travels_in_ascii(domain: str, smtputf8: bool) -> None:
    with Mailbox(smtputf8=smtputf8) as mailbox:
        deliver(server_of(mailbox), replace(MESSAGE, to=f"ada@{domain}"))

    assert mailbox.recipients == ["ada@xn--bcher-kva.example"]
    assert mailbox.messages[0]["To"] == "ada@xn--bcher-kva.example"


def test_a_local_part_beyond_ascii_travels_by_smtputf8() -> None:
    with Mailbox() as mailbox:
        deliver(server_of(mailbox), replace(MESSAGE, to="jürgen@bücher.example"))

    assert mailbox.recipients == ["jürgen@xn--bcher-kva.example"]
    assert mailbox.messages[0]["To"] == "jürgen@xn--bcher-kva.example"
    assert mailbox.messages[0]["Subject"] == "Prüfung ✓"


def test_a_server_without_smtputf8_never_gets_a_local_part_beyond_ascii() -> None:
    with Mailbox(smtputf8=False) as mailbox, pytest.raises(NotSent) as refused:
        deliver(server_of(mailbox), replace(MESSAGE, to="jürgen@example.com"))

    assert (refused.value.reason, refused.value.failure) == ("NoSmtpUtf8", Failure.PERMANENT)
    assert mailbox.messages == []


@pytest.mark.parametrize(
    ("reply", "failure"), [("550 who are you?", Failure.REJECTED), ("451 later", Failure.SERVER_UNAVAILABLE)]
)
def test_a_refused_sender_is_the_settings_trouble_unless_it_passes(
    mailbox: Mailbox, reply: str, failure: Failure
) -> None:
    mailbox.sender_reply = reply

    error = refusal(server_of(mailbox))

    assert (error.reason, error.failure) == (f"SMTPSenderRefused {reply[:3]}", failure)


def test_a_host_name_beyond_ascii_is_no_reason_to_give_a_message_up() -> None:
    error = refusal(SmtpServer(host="a" * 64 + ".example", port=free_port(), tls="none"))

    assert error.failure is Failure.REJECTED


def test_nobody_there_is_the_servers_trouble() -> None:
    error = refusal(SmtpServer(host="127.0.0.1", port=free_port(), tls="none"))
    assert (error.reason, error.failure) == ("ConnectionRefusedError", Failure.SERVER_UNAVAILABLE)


@pytest.mark.parametrize(
    ("reply", "failure"),
    [("550 no such person@example.com", Failure.PERMANENT), ("450 person@example.com is busy", Failure.TRANSIENT)],
)
def test_the_servers_reply_decides_whether_there_is_another_try(mailbox: Mailbox, reply: str, failure: Failure) -> None:
    mailbox.recipient_reply = reply
    error = refusal(server_of(mailbox))
    assert (error.reason, error.failure) == (f"SMTPRecipientsRefused {reply[:3]}", failure)
    mailbox.recipient_reply, mailbox.data_reply = "", reply
    error = refusal(server_of(mailbox))
    assert (error.reason, error.failure) == (f"SMTPDataError {reply[:3]}", failure)
    assert "person@example.com" not in repr(error)


def test_neither_address_nor_password_shows_when_values_are_printed() -> None:
    server = SmtpServer(host="h", port=1, user=USER, password=PASSWORD)
    assert PASSWORD not in repr(server)
    assert "person@example.com" not in repr(MESSAGE)
