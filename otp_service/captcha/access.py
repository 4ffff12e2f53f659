"""Admits a caller who has solved a captcha, where one is required, and tells the view who calls (ADR 50).

The captcha is checked before anyone is looked up: it shows nothing about accounts.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from otp_service.captcha.client import Verdict
from otp_service.captcha.errors import CaptchaFailed, CaptchaRequired, CaptchaUnavailable
from otp_service.captcha.settings import CaptchaSettings, Route
from otp_service.core import allowances, clock
from otp_service.core.allowances import Allowance
from otp_service.core.calls.errors import CallError, Refused
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import transaction
from otp_service.core.services import services, settings
from otp_service.core.web.tracing import ClientInfo, client_info

View = Callable[..., Any]
TOKEN_SECONDS = 600
"""No verifier accepts a token for longer: 5 minutes at Turnstile, 2 at the others."""
AWAY_SECONDS = 10.0

log = logging.getLogger(__name__)


def checks_captcha(route: Route) -> Callable[[View], View]:
    """Take `captcha_token` out of the body, check it, and call the view with `client`.

    Raises CaptchaRequired, CaptchaFailed, CaptchaUnavailable.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(body: dict[str, Any]) -> Any:
            client, token = client_info(), body.pop("captcha_token", None)
            return view(body, client=replace(client, has_captcha=_is_solved(route, token, client)))

        return checked

    return decorate


def _is_solved(route: Route, token: str | None, client: ClientInfo) -> bool:
    """Return whether the caller has solved a captcha in this request."""
    rules, verifier = settings().of(CaptchaSettings), services().captcha
    is_required = route in rules.required_on
    if token is None and is_required:
        raise CaptchaRequired
    if token is None or verifier is None:
        return False
    try:
        verdict = verifier.verify(token, ip=client.ip)
    except CallError as error:
        _report(error)
        # Never as solved: where a captcha stands for another proof, a verifier that is away proves none.
        if not is_required or rules.passes_when_away:
            return False
        raise CaptchaUnavailable(retry_after_seconds=error.retry_after_seconds or AWAY_SECONDS) from error
    fault = _fault_of(verdict, route, rules) or (None if _spend(token) else "used before")
    if fault is not None:
        log.info("captcha.failed", extra={"route": route, "reason": fault, "ip": client.ip})
        raise CaptchaFailed
    return True


def _report(error: CallError) -> None:
    """Log what only the operator can fix; the guards have logged the rest."""
    if isinstance(error, Refused):
        log.error("captcha.misconfigured", extra={"reason": error.detail})


def _fault_of(verdict: Verdict, route: Route, rules: CaptchaSettings) -> str | None:
    """Return why a token is not accepted; None if it is."""
    if not verdict.is_solved:
        return ", ".join(verdict.error_codes) or "not solved"
    if rules.hostnames and (verdict.hostname or "").lower() not in rules.hostnames:
        return "another hostname"
    # reCAPTCHA allows no hyphen in an action.
    if rules.checks_action and (verdict.action or "").replace("_", "-") != route:
        return "another action"
    if rules.minimum_score is not None and (verdict.score is None or verdict.score < rules.minimum_score):
        return "score too low"
    return None


def _spend(token: str) -> bool:
    """Count the token, for every process; return False if it was accepted before.

    A verifier may accept a token twice while its own servers have not converged yet.
    """
    digest = keyring().digest(token, purpose="captcha: token")
    with transaction():
        return allowances.take_if_left(Allowance("captcha-token", digest, 1, TOKEN_SECONDS), now=clock.now())
