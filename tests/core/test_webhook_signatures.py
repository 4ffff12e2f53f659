"""Signatures of Standard Webhooks: what a receiver's library verifies."""

from datetime import UTC, datetime

import pytest

from otp_service.core.crypto.webhook_signatures import read_secret, sign, signed_headers, write_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The example of the specification's own libraries."""
MESSAGE = {"message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": 1614265330, "body": b'{"test": 2432232314}'}


def test_the_example_of_the_specification_is_signed_alike() -> None:
    assert sign(read_secret(SECRET), **MESSAGE) == SIGNATURE  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"message_id": "msg_2"}, {"timestamp": 1614265331}, {"body": b"{}"}])
def test_the_signature_covers_id_time_and_body(change: dict[str, object]) -> None:
    assert sign(read_secret(SECRET), **{**MESSAGE, **change}) != SIGNATURE  # type: ignore[arg-type]


def test_the_headers_carry_what_was_signed() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 900_000, tzinfo=UTC)

    headers = signed_headers(b"s" * 24, message_id="m-1", at=at, body=b"{}")

    assert headers["webhook-id"] == "m-1"
    assert headers["webhook-timestamp"] == "1767323045"
    assert headers["webhook-signature"] == sign(b"s" * 24, message_id="m-1", timestamp=1767323045, body=b"{}")


def test_a_secret_is_read_as_it_was_written() -> None:
    assert read_secret(write_secret(b"\x00" * 32)) == b"\x00" * 32


@pytest.mark.parametrize(
    ("text", "is_read"), [(SECRET.removeprefix("whsec_"), True), ("whsec_", False), ("no!", False)]
)
def test_a_secret_is_base64_with_or_without_its_prefix(text: str, is_read: bool) -> None:
    assert bool(read_secret(text)) is is_read
