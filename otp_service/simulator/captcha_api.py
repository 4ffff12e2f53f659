"""A fake verifier of captchas, as `CAPTCHA_VERIFY_URL` expects one. It accepts the tokens that say so.

`pass`, or anything that begins with `pass-`, is solved; `pass-1?action=login&hostname=evil.example&score=0.2` says what
else the response holds. As at the real ones, a token works once; with `again=1` more often.
"""

from urllib.parse import parse_qs, parse_qsl

from otp_service.simulator.clock import iso_utc
from otp_service.simulator.http.request_response import Request, Response
from otp_service.simulator.provider.provider import Provider

PATH = "/captcha/siteverify"
SOLVED, PREFIX = "pass", "pass-"
HOSTNAME = "localhost"


def respond_to_token(provider: Provider, request: Request) -> Response:
    """`POST /captcha/siteverify`: the form `secret`, `response` and `remoteip`."""
    form = parse_qs(request.body.decode(errors="replace"))
    secret, token = (form.get(name, [""])[0] for name in ("secret", "response"))
    if secret != provider.settings.captcha_secret:
        return _failed("invalid-input-secret")
    if not token:
        return _failed("missing-input-response")
    if token != SOLVED and not token.startswith(PREFIX):
        return _failed("invalid-input-response")
    said = dict(parse_qsl(token.partition("?")[2]))
    if "again" not in said and not provider.store.spend_captcha(token):
        return _failed("timeout-or-duplicate")
    document = {"success": True, "error-codes": [], "challenge_ts": iso_utc(provider.clock.now())}
    texts = {"hostname": said.get("hostname", HOSTNAME), **({"action": said["action"]} if "action" in said else {})}
    score = {"score": float(said["score"])} if said.get("score", "").replace(".", "", 1).isdecimal() else {}
    return Response.of({**document, **texts, **score})


def _failed(code: str) -> Response:
    return Response.of({"success": False, "error-codes": [code]})
