"""From a request to its reply: Sinch's paths, the simulator's own, and nothing else."""

import logging

from otp_service.simulator.answers import SEAMLESS_PATH, VERIFICATIONS_PATH
from otp_service.simulator.calls import Call, Operation
from otp_service.simulator.control import ROUTES
from otp_service.simulator.errors import SinchError, not_found
from otp_service.simulator.exchange import Reply, Request
from otp_service.simulator.operations import answer_provider_call
from otp_service.simulator.provider import Provider
from otp_service.simulator.seamless import open_seamless
from otp_service.simulator.spoiling import REDIRECTED_PREFIX

logger = logging.getLogger(__name__)


def answer(provider: Provider, request: Request) -> Reply:
    """The reply to any request; never raises."""
    try:
        return _answer(provider, request)
    except SinchError as error:
        return error.reply()
    except Exception:
        logger.exception("The simulator failed on %s", request.verb)
        return SinchError(50000).reply()


def _answer(provider: Provider, request: Request) -> Reply:
    path = request.raw_path
    if path == VERIFICATIONS_PATH or path.startswith(f"{VERIFICATIONS_PATH}/"):
        return answer_provider_call(provider, request)
    if path.startswith(f"{SEAMLESS_PATH}/"):
        return open_seamless(provider, request)
    route = ROUTES.get((request.verb, path))
    if route:
        return route(provider, request)
    if path.startswith(f"{REDIRECTED_PREFIX}/"):
        return _tempt(provider, request)
    if any(path == known for _, known in ROUTES):
        allowed = ", ".join(sorted(verb for verb, known in ROUTES if known == path))
        return Reply.of({"errorCode": 40500, "message": f"Use {allowed}."}, 405, {"Allow": allowed})
    raise not_found()


def _tempt(provider: Provider, request: Request) -> Reply:
    """What follows a redirect fault meets a success that nobody should believe."""
    has_credentials = "authorization" in request.headers
    now = provider.clock.now()
    provider.calls.add(Call(Operation.REDIRECTED, None, now, request.verb, request.path, has_credentials))
    return Reply.of({"id": request.segments[-1], "method": "sms", "status": "SUCCESSFUL"})
