"""Start a verification: choose its secret, deliver it, abort the number's older one."""

from datetime import timedelta

from otp_service.simulator.http.errors import ApiError
from otp_service.simulator.provider.billing import price_of
from otp_service.simulator.provider.documents import delivered_event, request_event
from otp_service.simulator.provider.faults import Fault, Phase
from otp_service.simulator.provider.message_contents import PLACEHOLDER, TEXTS, choose_language
from otp_service.simulator.provider.provider import Provider
from otp_service.simulator.provider.request_bodies import MessageOptions, StartRequest
from otp_service.simulator.provider.verification import Message, Method, Reason, Status, Verification

SMS_INTERCEPTION_MARGIN_SECONDS = 2  # fixtures of the Node and Java SDKs have 298 of 300 seconds
FLASHCALL_INTERCEPTION_SECONDS = 45  # from fixtures, as is the report timeout of 75 seconds


def start(provider: Provider, request: StartRequest, accept_language: str | None, denial: Fault | None) -> Verification:
    """Start a verification. Raises ApiError 40900, 42901, and the error of a denial.

    A `denial` with the phase `before` refuses the start. With the phase `after` the start succeeds, but no message
    is delivered and the verification is denied.
    """
    with provider.reference_reserved(request.reference):
        provider.check_velocity(request.number)
        verification = _draft(provider, request, accept_language)
        if denial and denial.phase is Phase.BEFORE:
            _deny(provider, verification, Reason.BLOCKED)
            raise ApiError(40300, reference=request.reference)
        # The callback is asked without the store's lock: its server may call the simulator before it responds.
        options = _allowed_options(provider, verification, request, accept_language)
        _complete(provider, verification, options)
        if denial:
            _deny(provider, verification, Reason.FRAUD)
        else:
            _send(provider, verification)
        return verification


def _draft(provider: Provider, request: StartRequest, accept_language: str | None) -> Verification:
    now = provider.clock.now()
    return Verification(
        id=provider.random_values.identifier(now),
        method=request.method,
        number=request.number,
        country=request.country,
        secret="",
        price=price_of(request.method, request.country),
        started_at=now,
        expires_at=now,
        reference=request.reference,
        custom=request.custom,
        language=choose_language(accept_language),
    )


def _allowed_options(
    provider: Provider, v: Verification, request: StartRequest, accept_language: str | None
) -> MessageOptions:
    """The options of the starter, overridden by those of the callback. Raises ApiError if the callback denies."""
    decision = provider.callbacks.ask(request_event(v, accept_language), v.method)
    if decision.refusal is None:
        return request.options.overridden_by(decision.options)
    _deny(provider, v, decision.refusal)
    if decision.refusal is Reason.DENIED_BY_CALLBACK:
        code, message = provider.settings.callback_denied_code, "The verification was denied by the callback."
    else:
        code, message = provider.settings.callback_invalid_code, "Invalid callback response."
    raise ApiError(code, message, reference=v.reference)


def _complete(provider: Provider, v: Verification, options: MessageOptions) -> None:
    """Set language, text, secret and times."""
    settings = provider.settings
    if options.locale:
        v.language = choose_language(options.locale)
    v.code_type = options.code_type or "Numeric"
    v.template = options.template or _template(v)
    v.secret = _secret(provider, v, options)
    lifetime = settings.flashcall_report_seconds if v.method is Method.FLASHCALL else settings.expiry_seconds
    lifetime = options.expiry_seconds or lifetime  # of a callback first, then of the starter
    v.expires_at = v.started_at + timedelta(seconds=lifetime)
    if v.method is Method.FLASHCALL:
        v.interception_seconds = options.interception_seconds or min(FLASHCALL_INTERCEPTION_SECONDS, lifetime)
    else:
        v.interception_seconds = max(1, lifetime - SMS_INTERCEPTION_MARGIN_SECONDS)


def _template(v: Verification) -> str:
    texts = TEXTS[v.language]
    return {Method.CALLOUT: texts.callout, Method.FLASHCALL: texts.flashcall}.get(v.method, texts.sms)


def _secret(provider: Provider, v: Verification, options: MessageOptions) -> str:
    random_values, settings = provider.random_values, provider.settings
    if v.method is Method.FLASHCALL:
        return options.cli or random_values.calling_number()
    if v.method is Method.SEAMLESS:
        return random_values.seamless_token()
    if v.method is Method.CALLOUT:
        return options.code or random_values.code("Numeric", settings.callout_code_length)
    return options.code or random_values.code(v.code_type, settings.sms_code_length)


def _deny(provider: Provider, v: Verification, reason: Reason) -> None:
    """Remember a start that was denied. The number's older verification stays pending."""
    with provider.store.lock:
        v.status, v.reason, v.ended_at = Status.DENIED, reason, provider.clock.now()
        provider.store.add(v)


def _send(provider: Provider, v: Verification) -> None:
    """Make `v` the one pending verification of its number, and deliver its message."""
    with provider.store.lock:
        provider.expire_due()
        # Again, since other starts of this number may have come through while the callback took its time. In one
        # hold of the lock the older one is aborted and this one added, so a number never has two pending ones.
        provider.check_velocity(v.number)
        older = provider.store.by_number(v.number)
        if older and older.status is Status.PENDING:
            provider.end(older, Status.ABORTED)
        v.is_delivered = True
        provider.store.add(v)
        if v.method is not Method.SEAMLESS:
            provider.store.deliver(_message(provider, v))
    if v.method is Method.SMS:
        provider.callbacks.post_later(delivered_event(v), "start")


def _message(provider: Provider, v: Verification) -> Message:
    is_flashcall = v.method is Method.FLASHCALL
    shown = " ".join(v.secret) if v.method is Method.CALLOUT else v.secret  # spoken digit by digit
    return Message(
        id=provider.random_values.identifier(v.started_at),
        to=v.number,
        channel=v.method.value,
        text=v.template.replace(PLACEHOLDER, shown),
        code=None if is_flashcall else v.secret,  # a missed call shows a number, which is no code
        cli=v.secret if is_flashcall else None,
        at=v.started_at,
        verification_id=v.id,
        reference=v.reference,
    )
