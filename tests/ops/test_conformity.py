"""The watcher that lets no test see an answer outside the OpenAPI document (tests/contract.py)."""

from typing import Any

import pytest
from flask import Flask, Response
from marshmallow import fields

from otp_service.core.web.api import api as contract
from otp_service.core.web.schema import Schema
from tests.contract import Conformity


class CupOut(Schema):
    """A cup."""

    size = fields.Integer(required=True)


def serve(answer: Any, **options: Any) -> Conformity:
    """Have one route give one answer, under the watcher."""
    conformity, app = Conformity(), Flask("test", static_folder=None)
    app.after_request(conformity.watch)

    @app.get("/cup")
    @contract(**options)
    def cup() -> Any:
        """Give a cup."""
        return answer

    app.test_client().get("/cup")
    app.test_client().head("/cup")
    app.test_client().options("/cup")
    app.test_client().get("/elsewhere")
    return conformity


def json(text: str, status: int = 200) -> Response:
    return Response(text, status=status, mimetype="application/json")


def test_an_answer_as_documented_passes() -> None:
    serve({"size": 1}, out=CupOut).check()
    serve(json('{"size": 1, "newField": true}'), out=CupOut).check()
    serve(None).check()


@pytest.mark.parametrize("status", [418, 404, 201])
def test_a_status_that_is_not_documented_fails(status: int) -> None:
    conformity = serve(json('{"size": 1}', status), out=CupOut)
    with pytest.raises(AssertionError, match=f"GET /cup answered {status}, which is not documented"):
        conformity.check()


def test_a_documented_error_passes() -> None:
    error = '{"status": "error", "statusCode": 404, "code": "not_found", "message": "x", "requestId": "x"}'
    serve(json(error, 404), out=CupOut, errors=(404,)).check()


def test_an_error_in_another_form_fails() -> None:
    conformity = serve(json('{"error": "no"}', 404), out=CupOut, errors=(404,))
    with pytest.raises(AssertionError, match="is a required property"):
        conformity.check()


@pytest.mark.parametrize("body", ["{}", '{"size": "1"}', '{"size": null}', "[]", '"x"'])
def test_a_body_of_another_shape_fails(body: str) -> None:
    conformity = serve(json(body), out=CupOut)
    with pytest.raises(AssertionError, match="GET /cup answered 200: "):
        conformity.check()


def test_another_type_of_content_fails() -> None:
    conformity = serve(Response("<p>1</p>", mimetype="text/html"), out=CupOut)
    with pytest.raises(AssertionError, match="as text/html, which is not documented"):
        conformity.check()


def test_a_body_where_none_is_documented_fails() -> None:
    conformity = serve(json("{}", 204))
    with pytest.raises(AssertionError, match="with a body"):
        conformity.check()


def test_a_fault_is_told_once_and_then_forgotten() -> None:
    conformity = serve(json("{}", 418), out=CupOut)
    with pytest.raises(AssertionError):
        conformity.check()
    conformity.check()


def test_a_status_with_a_schema_of_its_own_is_held_to_it() -> None:
    serve(json('{"size": 1}', 503), out=CupOut, others={503: CupOut}).check()
    conformity = serve(json("{}", 503), out=CupOut, others={503: CupOut})
    with pytest.raises(AssertionError, match="'size' is a required property"):
        conformity.check()
