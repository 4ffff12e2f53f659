"""The routes for operations: health, readiness, the OpenAPI document."""

from typing import Any

import orjson
from flask import Blueprint, Response, current_app

from otp_service import insights
from otp_service.core import clock
from otp_service.core.services import services, settings
from otp_service.core.web.api import api
from otp_service.ops import readiness
from otp_service.ops.access import ops_token_required
from otp_service.ops.openapi import document
from otp_service.ops.schemas import HealthOut, InsightsIn, InsightsOut, ReadyOut

bp = Blueprint("ops", __name__)


@bp.get("/health")
@api(out=HealthOut, personal=False)
def health() -> dict[str, Any]:
    """Report that the process is alive. Uses no dependency."""
    return {"status": "UP", "timestamp": clock.now()}


@bp.get("/ready")
@api(out=ReadyOut, others={503: ReadyOut}, personal=False)
def ready() -> dict[str, Any] | Response:
    """Report whether the service can serve (503 if not), and the state of each dependency."""
    report = readiness.check()
    if report["status"] == "READY":
        return report
    response = Response(
        orjson.dumps(ReadyOut().dump(report), option=orjson.OPT_APPEND_NEWLINE), status=503, mimetype="application/json"
    )
    response.headers["Retry-After"] = str(report["retry_after"])
    return response


@bp.get("/insights.json")
@ops_token_required
@api(query=InsightsIn, out=InsightsOut, errors=(400, 401, 403))
def insights_data(query: dict[str, Any]) -> dict[str, Any]:
    """Report sends, conversion, spend, blocks and refusals of a span, by any of six dimensions."""
    return insights.report(insights.ask(**query, now=clock.now()))


@bp.get("/api/v1/openapi.json")
@api(personal=False)
def openapi() -> Response:
    """Describe the API as an OpenAPI 3.1 document."""
    documents = services().documents
    if "openapi" not in documents:
        server, version = settings().server, current_app.config["VERSION"]
        described = document(current_app, version=version, public_url=server.public_url, public_path=server.public_path)
        documents["openapi"] = orjson.dumps(described)
    return Response(documents["openapi"], mimetype="application/json")
