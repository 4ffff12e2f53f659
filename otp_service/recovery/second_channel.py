"""The second channel of a reset: which ones an account has, and the check of a response by one of them (ADR 32)."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from otp_service import audit
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.errors import Forbidden
from otp_service.core.text import camel_case
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import registry
from otp_service.factors.contract import Proof, ProofRequest
from otp_service.recovery import email_codes
from otp_service.verifications import Purpose

RECENT = timedelta(hours=72)
"""A factor that was added within this time may be an intruder's."""


class SecondFactorRequired(Forbidden):
    """The code was right and stays valid; the account has a second channel, which is needed as well."""

    code = "second_factor_required"
    title = "Prove a second factor as well to reset your password."


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A method, and the client's response by it as the schema of the method loaded it."""

    method: str
    response: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Channels:
    """The methods that a reset accepts besides the phone, and the factors that were added recently."""

    methods: tuple[str, ...]
    recent: tuple[dict[str, Any], ...]


def of_account(account: Account, *, now: datetime) -> Channels:
    """Return the channels that a reset of this account accepts besides the phone; none for a phone alone."""
    described = registry.describe_without_phone(account.id)
    recent = tuple(one for one in described if one["created_at"] > now - RECENT)
    methods = registry.methods_without_phone(account.id)
    # E-mail replaces no strong factor, unless all are so young that an intruder may have added them.
    if account.email_verified and not registry.has_lasting(account.id, before=now - RECENT):
        methods = (email_codes.METHOD, *methods)
    return Channels(methods, recent)


def check(account: Account, second: SecondFactor | None, *, code_id: uuid.UUID, client: ClientInfo) -> Proof | None:
    """Check the response by a second channel; None for an account without one. Call it only after a right code.

    The phone does not count twice. Raises SecondFactorRequired and what Factor.verify raises.
    """
    channels = of_account(account, now=clock.now())
    if not channels.methods:
        return None
    # Bound to the code: what was offered for another reset does not serve here.
    request = ProofRequest(user_id=account.id, purpose=Purpose.PASSWORD_RESET, bound_to=code_id, client=client)
    if second is None or second.method not in channels.methods:
        raise _required(request, channels)
    if second.method == email_codes.METHOD:
        return email_codes.verify(account.id, second.response["code"], verification_id=code_id, client=client)
    return registry.verify(request, method=second.method, response=second.response)


def remove_recent(user_id: int, *, client: ClientInfo, now: datetime) -> None:
    """Remove the factors that were added within 72 hours, in the open transaction of the reset."""
    removed = registry.remove_added_since(user_id, now - RECENT)
    for kind in (kind for kind, count in removed.items() if count):
        audit.record("factor.removed", user_id=user_id, client=client, at=now, factor=kind)


def told(channels: Channels, *, were_removed: bool) -> dict[str, str | None]:
    """Return what the e-mail about a reset says of recently added factors: their kinds, without any free text."""
    kinds = ",".join(dict.fromkeys(one["type"] for one in channels.recent)) or None
    return {"removed" if were_removed else "recent": kinds}


def _required(request: ProofRequest, channels: Channels) -> SecondFactorRequired:
    """Return the error that lists the methods, and by method what the client needs before it can respond."""
    factors = {method: registry.get(method) for method in channels.methods if method != email_codes.METHOD}
    options = {method: registry.offer(factor, request) for method, factor in factors.items() if factor.offer}
    recent = [{camel_case(name): value for name, value in one.items()} for one in channels.recent]
    return SecondFactorRequired(extra={"methods": list(channels.methods), "options": options, "recentFactors": recent})
