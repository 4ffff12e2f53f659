"""Events as Sinch signs them, written by hand."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from otp_service.core import clock
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from tests.api import Answer, Api

PATH = "/webhooks/sinch/verification"
TYPE = "application/json; charset=utf-8"


def stamp(moment: datetime) -> str:
    """A time as Sinch writes it, with seven decimals."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"


def headers_of(
    body: bytes, *, key: str = DEMO_KEY, secret: str = DEMO_SECRET, path: str = PATH, at: str = "", kind: str = TYPE
) -> dict[str, str]:
    """The headers that sign a body (Sinch's own description of it, written out anew)."""
    at = at or stamp(clock.now())
    digest = base64.b64encode(hashlib.md5(body).digest()).decode() if body else ""
    text = f"POST\n{digest}\n{kind}\nx-timestamp:{at}\n{path}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(secret), text.encode(), hashlib.sha256)).decode()
    return {"Authorization": f"Application {key}:{signature}", "x-timestamp": at, "Content-Type": kind}


def post(api: Api, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post what may be signed or not."""
    return api.send("POST", f"/{PATH}", data=body, headers=headers)


def tell(api: Api, event: Mapping[str, Any], **options: Any) -> Answer:
    """Post a signed event."""
    body = json.dumps(event).encode()
    return post(api, body, headers_of(body, **options))


def in_seconds(seconds: float) -> str:
    """The time stamp of then."""
    return stamp(clock.now() + timedelta(seconds=seconds))
