"""Lets a backend repeat a request: reads its `Idempotency-Key`, and gives the response of the first one again."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError

from otp_service.backends.access import current_app_caller
from otp_service.backends.verifications import repeats
from otp_service.backends.verifications.models import LONGEST_KEY
from otp_service.backends.verifications.repeats import Claim, Stored, Wanted
from otp_service.core.errors import InvalidInput, ServiceError, TooMany
from otp_service.core.web import problems

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_PATTERN = rf"[!-~]{{1,{LONGEST_KEY}}}"
KEY_FAULT = f"Provide 1 to {LONGEST_KEY} visible ASCII characters, without blanks."
SERVER_ERRORS = 500


def repeatable(body: dict[str, Any], act: Callable[..., Response]) -> Response:
    """Call `act` with the claim of the request. See `around` of core.web.api.api.

    With an `Idempotency-Key` that was used before, return the response of the first request. Raises InvalidInput,
    IdempotencyKeyReused, RequestInProgress.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return act(claim=repeats.unrepeatable())
    if not re.fullmatch(KEY_PATTERN, key):
        raise InvalidInput(fields={HEADER: [KEY_FAULT]})
    verification_id = (request.view_args or {}).get("id")
    found = repeats.claim(Wanted(current_app_caller().id, key, _text_of(body), verification_id))
    if isinstance(found, Claim):
        return _done(found, act)
    response = _response(found)
    response.headers[REPLAYED] = "true"
    return response


repeatable.parameters = [  # type: ignore[attr-defined]
    {
        "in": "header",
        "name": HEADER,
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": f"^{KEY_PATTERN}$"},
        "description": (
            "Makes it safe to repeat the request. For 24 hours the same key with the same request gives the same "
            "response, marked by the header `Idempotency-Replayed`, and nothing is done twice. The same key with "
            "another request is 409 `idempotency_key_reused`. Responses 429 and 5xx are not kept: repeat the request "
            "with the same key after `retryAfter`. Use a new random key for each request."
        ),
    }
]


def _text_of(body: dict[str, Any]) -> str:
    """Return what the request asks for, in one spelling: of the checked body, so that blanks and order do not count."""
    fields = orjson.dumps(body, option=orjson.OPT_SORT_KEYS, default=str).decode()
    return f"{request.method} {request.path} {fields}"


def _done(claim: Claim, act: Callable[..., Response]) -> Response:
    try:
        response = act(claim=claim)
    except ServiceError as error:
        if error.status_code >= SERVER_ERRORS or isinstance(error, TooMany):
            # Not frozen for a day: the next request with this key may succeed. It finds what this one did by the id of
            # the claim, so the claim is dropped only if that is known to be no message (ADR 31).
            (repeats.drop if getattr(error, "left_nothing", False) else repeats.put_back)(claim)
            raise
        response = problems.render(error)
    except BaseException:
        # How far it came is not known. Where the database is away, the claim ends by itself.
        with suppress(SQLAlchemyError):
            repeats.put_back(claim)
        raise
    text = response.get_data(as_text=True)
    return _response(repeats.finish(claim, Stored(response.status_code, str(response.mimetype), text)))


def _response(stored: Stored) -> Response:
    response = Response(stored.text, status=stored.status, mimetype=stored.media_type)
    response.headers["Cache-Control"] = "no-store"
    return response
