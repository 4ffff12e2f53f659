"""The decorator that declares the contract of a route, enforces it, and feeds the OpenAPI document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType
from typing import Any

import marshmallow
import orjson
from flask import Response, request

from otp_service.core.web.body import has_body, read_json_object
from otp_service.core.web.schema import Schema, load

View = Callable[..., Any]
EMPTY = 204
ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Contract:
    """What a route takes and returns. `errors` are its own error statuses, besides those that any route may have.

    `others` are statuses whose responses are not errors in our form, with the schemas of these responses. Where
    `cookie_instead` holds, a cookie stands for what the body lacks.
    """

    body: marshmallow.Schema | None
    query: marshmallow.Schema | None
    out: marshmallow.Schema | None
    later: marshmallow.Schema | None
    status: int
    errors: tuple[int, ...]
    others: Mapping[int, marshmallow.Schema]
    personal: bool
    may_be_empty: bool
    cookie_instead: Callable[[], bool] | None


def api(  # noqa: PLR0913 - a contract has as many parts as it has
    *,
    out: type[marshmallow.Schema] | None = None,
    body: type[marshmallow.Schema] | None = None,
    query: type[marshmallow.Schema] | None = None,
    status: int = 200,
    errors: tuple[int, ...] = (),
    others: Mapping[int, type[marshmallow.Schema]] = MappingProxyType({}),
    later: type[marshmallow.Schema] | None = None,
    personal: bool = True,
    may_be_empty: bool = False,
    cookie_instead: Callable[[], bool] | None = None,
) -> Callable[[View], View]:
    """Load the body with `body`, or the query with `query`, into the first argument; dump the result with `out`.

    With `later`, a result is what will happen: a response 202 with this schema. None is 204: it has happened.
    `personal` responses carry `Cache-Control: no-store`. With `may_be_empty`, None becomes a response without a body.
    While `cookie_instead` returns True, fields and the body itself may be absent. The schemas are made once, at import.
    """
    made = {other: schema() for other, schema in others.items()}
    schemas = _make_body(body), _make(query), _make(out), _make(later)
    contract = Contract(*schemas, status, errors, made, personal, may_be_empty, cookie_instead)

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(*args: Any, **kwargs: Any) -> Response:
            if contract.body is not None:
                args = (_load_body(contract.body, cookie_instead), *args)
            if contract.query is not None:
                args = (load(contract.query, request.args.to_dict()), *args)
            return _respond(contract, view(*args, **kwargs))

        wrapped.contract = contract  # type: ignore[attr-defined]
        return wrapped

    return decorate


def _load_body(schema: marshmallow.Schema, cookie_instead: Callable[[], bool] | None) -> dict[str, Any]:
    if cookie_instead is None or not cookie_instead():
        return load(schema, read_json_object())
    return load(schema, read_json_object() if has_body() else {}, is_partial=True)


def _make_body(schema: type[marshmallow.Schema] | None) -> marshmallow.Schema | None:
    made = _make(schema)
    if isinstance(made, Schema):
        made.document_nulls()
    return made


def _make(schema: type[marshmallow.Schema] | None) -> marshmallow.Schema | None:
    return schema() if schema else None


def _respond(contract: Contract, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if contract.later is not None and result is not None:
        text = orjson.dumps(contract.later.dump(result))
        response = Response(text, status=ACCEPTED, mimetype="application/json")
    elif contract.out is None or (contract.may_be_empty and result is None):
        response = Response(status=contract.status if contract.out else EMPTY)
        del response.headers["Content-Type"]  # there is no content
    else:
        # With a line break at the end, a terminal shows its next prompt on a line of its own.
        text = orjson.dumps(contract.out.dump(result), option=orjson.OPT_APPEND_NEWLINE)
        response = Response(text, status=contract.status, mimetype="application/json")
    if contract.personal:  # no cache on the way may keep a token or personal data
        response.headers["Cache-Control"] = "no-store"
    return response
