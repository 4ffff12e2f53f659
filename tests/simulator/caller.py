"""A bare client of Sinch's API, written from its documents alone, so that tests see every byte."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import requests

from tests.waiting import PATIENCE_SECONDS

KEY = "5F5C418A0F914BBC8234A9BF5EDDAD97"
SECRET = "JViE5vDor0Sw3WllZka15Q=="
PATH = "/verification/v1/verifications"
PHONE = "+12025550134"


def authorization(verb: str, path: str, body: bytes, content_type: str, stamp: str) -> str:
    """The Application header, from the published recipe."""
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode() if body else ""
    text = f"{verb}\n{md5}\n{content_type}\nx-timestamp:{stamp}\n{path}"
    mac = hmac.new(base64.b64decode(SECRET), text.encode(), hashlib.sha256).digest()
    return f"Application {KEY}:{base64.b64encode(mac).decode()}"


def machine_now() -> datetime:
    """The machine's clock: the tests stand on the other side of the wire."""
    return datetime.now(UTC)  # noqa: TID251


def stamp_now() -> str:
    """An x-timestamp."""
    return machine_now().isoformat()


class Caller:
    """Calls one simulator with signed requests over kept connections."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False

    def close(self) -> None:
        self.session.close()

    def call(self, verb: str, path: str, document: Any = None, **headers: str) -> requests.Response:
        """A signed call; header names are given with underscores."""
        body = b"" if document is None else json.dumps(document).encode()
        stamp = stamp_now()
        sent = {"Content-Type": "application/json", "x-timestamp": stamp}
        sent["Authorization"] = authorization(verb, path, body, sent["Content-Type"], stamp)
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(verb, path, body, sent)

    def send(self, verb: str, path: str, body: bytes = b"", headers: Any = None) -> requests.Response:
        """A call just as it is given, unsigned."""
        return self.session.request(
            verb, self.base_url + path, data=body, headers=headers, timeout=PATIENCE_SECONDS, allow_redirects=False
        )

    def start(self, method: str = "sms", number: str = PHONE, **fields: Any) -> requests.Response:
        return self.call("POST", PATH, start_body(method, number, **fields))

    def started(self, method: str = "sms", number: str = PHONE, **fields: Any) -> str:
        """Starts a verification that must succeed; its id."""
        answer = self.start(method, number, **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def report(self, identifier: str, proof: str, method: str = "sms") -> requests.Response:
        return self.call("PUT", f"{PATH}/id/{identifier}", report_body(proof, method))

    def status(self, identifier: str) -> Any:
        answer = self.call("GET", f"{PATH}/id/{identifier}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, path: str, document: Any) -> requests.Response:
        """A call to the simulator's own side."""
        return self.send("PUT", path, json.dumps(document).encode(), {"Content-Type": "application/json"})


def start_body(method: str = "sms", number: str = PHONE, **fields: Any) -> dict[str, Any]:
    return {"identity": {"type": "number", "endpoint": number}, "method": method, **fields}


def report_body(proof: str, method: str = "sms") -> dict[str, Any]:
    if method.lower() == "flashcall":
        return {"method": method, "flashCall": {"cli": proof}}
    return {"method": method, method: {"code": proof}}


def assert_refused(answer: requests.Response, code: int) -> Any:
    """An error in Sinch's form: integer code that begins with the status, and a message."""
    document = answer.json()
    assert (answer.status_code, document["errorCode"]) == (code // 100, code), answer.text
    assert isinstance(document["errorCode"], int)
    assert isinstance(document["message"], str)
    assert document["message"]
    assert set(document) <= {"errorCode", "message", "reference"}
    return document
