"""The decorator that declares the contract of a route, enforces it, and feeds the OpenAPI document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType
from typing import Any

import marshmallow
import orjson
from flask import Response, request

from otp_service.core.errors import InvalidInput
from otp_service.core.web.body import has_body, read_form, read_json_object
from otp_service.core.web.schema import Schema, load

View = Callable[..., Any]
Around = Callable[[dict[str, Any], Callable[..., Response]], Response]
"""Gets the checked body, and the rest of the request: the view, called with what it is given here, and its response."""

EMPTY = 204
ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Contract:
    """What a route takes and returns. `errors` are its own error statuses, besides those that any route may have.

    `others` are statuses whose responses are not errors in our form, with the schemas of these responses. `headers`
    describes the headers that carry a result in place of a body. Where `cookie_instead` holds, a cookie stands for what
    the body lacks.
    """

    body: marshmallow.Schema | None
    form: marshmallow.Schema | None
    query: marshmallow.Schema | None
    out: marshmallow.Schema | None
    later: marshmallow.Schema | None
    status: int
    errors: tuple[int, ...]
    others: Mapping[int, marshmallow.Schema]
    headers: Mapping[str, str]
    personal: bool
    cached_seconds: int
    may_be_empty: bool
    cookie_instead: Callable[[], bool] | None
    may_lack_body: bool = False
    around: Around | None = None

    @property
    def takes_body(self) -> bool:
        """Whether the request has a body, of either type."""
        return self.body is not None or self.form is not None


def api(  # noqa: PLR0913 - a contract has as many parts as it has
    *,
    out: type[marshmallow.Schema] | None = None,
    body: type[marshmallow.Schema] | None = None,
    form: type[marshmallow.Schema] | None = None,
    query: type[marshmallow.Schema] | None = None,
    status: int = 200,
    errors: tuple[int, ...] = (),
    others: Mapping[int, type[marshmallow.Schema]] = MappingProxyType({}),
    later: type[marshmallow.Schema] | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    personal: bool = True,
    cached_seconds: int = 0,
    may_be_empty: bool = False,
    cookie_instead: Callable[[], bool] | None = None,
    may_lack_body: bool = False,
    around: Around | None = None,
) -> Callable[[View], View]:
    """Load the body with `body`, a form with `form`, or the query with `query`, into the first argument.

    Dump the result with `out`. With `headers`, the result is a mapping of headers, and the response has no body.
    With `later`, a result is what will happen: a response 202 with this schema. None is 204: it has happened.
    `personal` responses carry `Cache-Control: no-store`; others may be kept by any cache for `cached_seconds`.
    With `may_be_empty`, None becomes a response without a body. While `cookie_instead` returns True, fields and the
    body itself may be absent; with `may_lack_body`, the body may. `around` decides whether the view is called.
    """
    made = {other: schema() for other, schema in others.items()}
    schemas = _make_body(body), _make(form), _make(query), _make(out), _make(later)
    responses = made, headers, personal, cached_seconds, may_be_empty
    contract = Contract(*schemas, status, errors, *responses, cookie_instead, may_lack_body, around)

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(*args: Any, **kwargs: Any) -> Response:
            return _call(contract, view, (*_loaded(contract), *args), kwargs)

        wrapped.contract = contract  # type: ignore[attr-defined]
        return wrapped

    return decorate


def _load_body(schema: marshmallow.Schema, contract: Contract) -> dict[str, Any]:
    has_cookie = contract.cookie_instead is not None and contract.cookie_instead()
    may_be_absent = has_cookie or contract.may_lack_body
    body = {} if may_be_absent and not has_body() else read_json_object()
    return load(schema, body, is_partial=has_cookie)


def _make_body(schema: type[marshmallow.Schema] | None) -> marshmallow.Schema | None:
    made = _make(schema)
    if isinstance(made, Schema):
        made.document_nulls()
    return made


def _make(schema: type[marshmallow.Schema] | None) -> marshmallow.Schema | None:
    return schema() if schema else None


def _loaded(contract: Contract) -> tuple[dict[str, Any], ...]:
    """Return what the request brings, the query first. Raises InvalidInput, and what reading a body raises."""
    given: tuple[dict[str, Any], ...] = ()
    if contract.body is not None:
        given = (_load_body(contract.body, contract),)
    elif contract.form is not None:
        given = (load(contract.form, read_form()),)
    return given if contract.query is None else (load(contract.query, _query()), *given)


def _call(contract: Contract, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Response:
    def act(**more: Any) -> Response:
        return _respond(contract, view(*args, **more, **kwargs))

    return act() if contract.around is None else contract.around(args[0], act)


def _query() -> dict[str, str]:
    """Return the parameters of the query. Raises InvalidInput for one that is given twice."""
    # Two proxies, or a proxy and this service, may differ in which one of the two counts.
    twice = {name: ["Give this parameter once."] for name, values in request.args.lists() if len(values) > 1}
    if twice:
        raise InvalidInput(fields=twice)
    return request.args.to_dict()


def _respond(contract: Contract, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if contract.later is not None and result is not None:
        text = orjson.dumps(contract.later.dump(result))
        response = Response(text, status=ACCEPTED, mimetype="application/json")
    elif contract.headers:
        response = Response(status=contract.status, headers=result)
        del response.headers["Content-Type"]
    elif contract.out is None or (contract.may_be_empty and result is None):
        response = Response(status=contract.status if contract.out else EMPTY)
        del response.headers["Content-Type"]  # there is no content
    else:
        # With a line break at the end, a terminal shows its next prompt on a line of its own.
        text = orjson.dumps(contract.out.dump(result), option=orjson.OPT_APPEND_NEWLINE)
        response = Response(text, status=contract.status, mimetype="application/json")
    if contract.personal:  # no cache on the way may keep a token or personal data
        response.headers["Cache-Control"] = "no-store"
    elif contract.cached_seconds:
        response.headers["Cache-Control"] = f"public, max-age={contract.cached_seconds}"
    return response
