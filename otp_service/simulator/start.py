"""Starting a verification: draw its secret, deliver it, abort the number's older one."""

from datetime import timedelta

from otp_service.simulator.errors import SinchError
from otp_service.simulator.events import delivered_event, request_event
from otp_service.simulator.faults import Fault, Phase
from otp_service.simulator.order import Order, Wishes
from otp_service.simulator.prices import price_of
from otp_service.simulator.provider import Provider
from otp_service.simulator.texts import PLACEHOLDER, TEXTS, choose_language
from otp_service.simulator.verification import Message, Method, Reason, Status, Verification

SMS_INTERCEPTION_MARGIN_SECONDS = 2
FLASHCALL_INTERCEPTION_SECONDS = 45


def start(provider: Provider, order: Order, accept_language: str | None, denial: Fault | None) -> Verification:
    """Start a verification. Raises SinchError 40900, 42901, and what a denial answers.

    A `denial` of the phase `before` refuses the start; one of the phase `after` lets it answer well,
    but nothing is delivered and the verification turns out denied.
    """
    with provider.reference_reserved(order.reference):
        provider.check_velocity(order.number)
        verification = _draft(provider, order, accept_language)
        if denial and denial.phase is Phase.BEFORE:
            _refuse(provider, verification, Reason.BLOCKED)
            raise SinchError(40300, reference=order.reference)
        wishes = _allowed_wishes(provider, verification, order, accept_language)
        _fill(provider, verification, wishes)
        if denial:
            _refuse(provider, verification, Reason.FRAUD)
        else:
            _send(provider, verification)
        return verification


def _draft(provider: Provider, order: Order, accept_language: str | None) -> Verification:
    now = provider.clock.now()
    return Verification(
        id=provider.draws.identifier(now),
        method=order.method,
        number=order.number,
        country=order.country,
        secret="",
        price=price_of(order.method, order.country),
        started_at=now,
        expires_at=now,
        reference=order.reference,
        custom=order.custom,
        language=choose_language(accept_language),
    )


def _allowed_wishes(provider: Provider, v: Verification, order: Order, accept_language: str | None) -> Wishes:
    """What the starter and the callback wish for, the callback first; raises SinchError when it refuses."""
    verdict = provider.callbacks.ask(request_event(v, accept_language), v.method)
    if verdict.refusal is None:
        return order.wishes.overridden_by(verdict.wishes)
    _refuse(provider, v, verdict.refusal)
    if verdict.refusal is Reason.DENIED_BY_CALLBACK:
        code, message = provider.settings.callback_denied_code, "The verification was denied by the callback."
    else:
        code, message = provider.settings.callback_invalid_code, "Invalid callback response."
    raise SinchError(code, message, reference=v.reference)


def _fill(provider: Provider, v: Verification, wishes: Wishes) -> None:
    """Settle language, words, secret and times."""
    settings = provider.settings
    if wishes.locale:
        v.language = choose_language(wishes.locale)
    v.code_type = wishes.code_type or "Numeric"
    v.template = wishes.template or _template(v)
    v.secret = _secret(provider, v, wishes)
    lifetime = settings.flashcall_report_seconds if v.method is Method.FLASHCALL else settings.expiry_seconds
    lifetime = wishes.expiry_seconds or lifetime
    v.expires_at = v.started_at + timedelta(seconds=lifetime)
    if v.method is Method.FLASHCALL:
        v.interception_seconds = wishes.interception_seconds or min(FLASHCALL_INTERCEPTION_SECONDS, lifetime)
    else:
        v.interception_seconds = max(1, lifetime - SMS_INTERCEPTION_MARGIN_SECONDS)


def _template(v: Verification) -> str:
    texts = TEXTS[v.language]
    return {Method.CALLOUT: texts.callout, Method.FLASHCALL: texts.flashcall}.get(v.method, texts.sms)


def _secret(provider: Provider, v: Verification, wishes: Wishes) -> str:
    draws, settings = provider.draws, provider.settings
    if v.method is Method.FLASHCALL:
        return wishes.cli or draws.calling_number()
    if v.method is Method.SEAMLESS:
        return draws.seamless_token()
    if v.method is Method.CALLOUT:
        return wishes.code or draws.code("Numeric", settings.callout_code_length)
    return wishes.code or draws.code(v.code_type, settings.sms_code_length)


def _refuse(provider: Provider, v: Verification, reason: Reason) -> None:
    """Remember a start that was not let through; the number's older verification lives on."""
    with provider.store.lock:
        v.status, v.reason, v.ended_at = Status.DENIED, reason, provider.clock.now()
        provider.store.add(v)


def _send(provider: Provider, v: Verification) -> None:
    """Make `v` the number's one live verification and put its message into the inbox."""
    with provider.store.lock:
        provider.expire_due()
        provider.check_velocity(v.number)  # again: others may have started while the callback thought
        older = provider.store.by_number(v.number)
        if older and older.status is Status.PENDING:
            provider.end(older, Status.ABORTED)
        v.is_delivered = True
        provider.store.add(v)
        if v.method is not Method.SEAMLESS:
            provider.store.deliver(_message(provider, v))
    if v.method is Method.SMS:
        provider.callbacks.tell(delivered_event(v), "start")


def _message(provider: Provider, v: Verification) -> Message:
    is_flashcall = v.method is Method.FLASHCALL
    shown = " ".join(v.secret) if v.method is Method.CALLOUT else v.secret
    return Message(
        id=provider.draws.identifier(v.started_at),
        to=v.number,
        channel=v.method.value,
        text=v.template.replace(PLACEHOLDER, shown),
        code=None if is_flashcall else v.secret,
        cli=v.secret if is_flashcall else None,
        at=v.started_at,
        verification_id=v.id,
        reference=v.reference,
    )
