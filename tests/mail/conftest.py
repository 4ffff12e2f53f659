"""The mail server for tests."""

from collections.abc import Iterator

import pytest

from tests.mail.mailbox import Mailbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server without TLS."""
    with Mailbox() as server:
        yield server
