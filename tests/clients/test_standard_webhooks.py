"""The official library of Standard Webhooks on npm, and clients/javascript, verify the same messages.

`npm ci --prefix clients/javascript` installs the library.
"""

import json

from otp_service.core import clock
from otp_service.core.crypto import webhook_signatures
from tests.clients.test_javascript import run

SECRET = bytes(range(32))


def test_the_official_library_verifies_what_the_service_signs() -> None:
    body = json.dumps({"id": "ev_1", "type": "user.created", "at": "2026-01-01T00:00:00Z", "data": {"name": "Ää"}})
    headers = webhook_signatures.signed_headers(SECRET, message_id="msg_1", at=clock.system_now(), body=body.encode())
    secret = webhook_signatures.write_secret(SECRET)
    event = json.dumps({"secret": secret, "headers": dict(headers), "body": body})

    run("node", "--test", "test/official.test.js", env={"OTP_SIGNED_EVENT": event})
