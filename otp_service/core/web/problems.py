"""Renders every error, ours and the framework's, as our JSON or as RFC 9457 problem details (ADR 2)."""

import logging
import sqlite3
import time
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, request
from flask_limiter import RateLimitExceeded
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from otp_service.core.database.outages import is_unavailable, state_of
from otp_service.core.errors import NotFound, ServiceError, TooMany, Unavailable
from otp_service.core.web.held_responses import hold_until
from otp_service.core.web.request_limits import seconds_until_reset
from otp_service.core.web.tracing import client_address, request_id

API_PREFIX = "/api/v1"
PROBLEM_TYPE = "application/problem+json"
log = logging.getLogger(__name__)

_HTTP_CODES = {
    400: ("bad_request", "The request cannot be understood."),
    405: ("method_not_allowed", "This method is not allowed here."),
    408: ("request_timeout", "The request took too long to arrive."),
    413: ("body_too_large", "The request body is larger than 64 KiB."),
    414: ("uri_too_long", "The address of the request is longer than 4,094 characters."),
    415: ("unsupported_media_type", "Send JSON, with Content-Type: application/json."),
    417: ("expectation_failed", "The header Expect may hold 100-continue alone."),
    431: ("headers_too_large", "The request has more than 64 headers, or one that is longer than 8 KiB."),
    501: ("transfer_coding_unknown", "Send the body with Content-Length, or in chunks."),
}

_OVERTAKEN_ON_POSTGRESQL = ("23503", "23505")  # foreign_key_violation, unique_violation


def described(status: int) -> tuple[str, str]:
    """Return code and message of an error that the framework or the server raised."""
    if status == ServiceError.status_code:
        return ServiceError.code, ServiceError.title
    return _HTTP_CODES.get(status, (HttpError.code_of_others, HTTPStatus(status).phrase))


def framework_codes() -> set[str]:
    """Return the codes of errors that the framework raises."""
    return {code for code, _ in _HTTP_CODES.values()} | {HttpError.code_of_others}


class EndpointNotFound(NotFound):
    """404: no route has this path."""

    code = "endpoint_not_found"
    title = "API endpoint not found"


class HttpError(ServiceError):
    """An error that the framework raised, as one of ours."""

    code_of_others = "http_error"

    def __init__(self, error: HTTPException) -> None:
        status = error.code or 500
        code, title = _HTTP_CODES.get(status, (self.code_of_others, error.name))
        allowed = getattr(error, "valid_methods", None)
        super().__init__(title, headers={"Allow": ", ".join(sorted(allowed))} if allowed else None)
        self.code = code  # type: ignore[misc]
        self.status_code = status  # type: ignore[misc]


class DatabaseUnavailable(Unavailable):
    """503: the database is away, read-only, locked, full or too busy. The transaction was rolled back."""

    code = "database_unavailable"


def register_error_handlers(app: Flask) -> None:
    """Render every error with `render`."""
    app.register_error_handler(ServiceError, render)
    app.register_error_handler(RateLimitExceeded, _render_rate_limit)
    app.register_error_handler(HTTPException, _render_http)
    app.register_error_handler(DBAPIError, _render_database)
    app.register_error_handler(PoolTimeout, _render_database)
    app.register_error_handler(Exception, _render_unexpected)


def render(error: ServiceError) -> Response:
    """Return the response to an error, as `application/problem+json` if the client asks for it."""
    wants_problem = _wants_problem()
    # An error never carries a trace, a statement or a path: the request id leads to them in the log.
    kind = PROBLEM_TYPE if wants_problem else "application/json"
    text = orjson.dumps(_problem(error) if wants_problem else _envelope(error), option=orjson.OPT_APPEND_NEWLINE)
    response = Response(text, status=error.status_code, mimetype=kind)
    response.headers.update(error.headers)
    response.headers["Cache-Control"] = "no-store"
    if error.held_seconds:
        hold_until(time.monotonic() + error.held_seconds)
    log.info("request.refused", extra={"code": error.code, "status": error.status_code, "ip": client_address()})
    return response


def _wants_problem() -> bool:
    """Whether the client names problem details, and prefers plain JSON no more (RFC 9110, section 12.5.1)."""
    named = {kind.partition(";")[0].strip().lower(): quality for kind, quality in request.accept_mimetypes}
    return named.get(PROBLEM_TYPE, 0) > 0 and named[PROBLEM_TYPE] >= named.get("application/json", 0)


def _envelope(error: ServiceError) -> dict[str, Any]:
    return {
        "status": "error",
        "statusCode": error.status_code,
        "code": error.code,
        "message": error.detail,
        **error.extra,
        "requestId": request_id(),
    }


def _problem(error: ServiceError) -> dict[str, Any]:
    return {
        "type": f"urn:otp-service:problem:{error.code}",
        "title": error.title if type(error).title != ServiceError.title else error.detail,
        "status": error.status_code,
        "detail": error.detail,
        "instance": f"urn:otp-service:request:{request_id()}",
        "code": error.code,
        **error.extra,
        "requestId": request_id(),
    }


def _render_rate_limit(error: RateLimitExceeded) -> Response:
    limit = str(error.limit.limit) if error.limit else "unknown"
    log.warning("limit.reached", extra={"limit": limit, "ip": client_address()})
    return render(TooMany(retry_after_seconds=seconds_until_reset()))


def _render_http(error: HTTPException) -> Response:
    if error.response is not None and isinstance(error.response, Response):
        return error.response  # a response that a view chose to raise, such as a redirect
    return render(EndpointNotFound() if error.code == NotFound.status_code else HttpError(error))


def _render_database(error: Exception) -> Response:
    """Render a faulty statement as 500, and a database that cannot do its work for now as 503.

    A row that another request deleted or inserted between two statements is 503, too: the next try sees what is so.
    """
    if not (_is_overtaken(error) if isinstance(error, IntegrityError) else is_unavailable(error)):
        return _render_unexpected(error)
    facts = {"error": type(error).__name__, "state": state_of(error), "reason": _reason(error)}
    log.error("database.unavailable", extra=facts)
    return render(DatabaseUnavailable(retry_after_seconds=2))


def _is_overtaken(error: IntegrityError) -> bool:
    """Whether a foreign key is missing, or a unique one exists twice."""
    code = getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlite_errorcode", None)
    return code in {
        *_OVERTAKEN_ON_POSTGRESQL,
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    }


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())


def _render_unexpected(error: Exception) -> Response:
    log.error("request.failed", exc_info=error)
    return render(ServiceError())
