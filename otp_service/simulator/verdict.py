"""What a callback's reply says about a start."""

from dataclasses import dataclass, field
from http import HTTPStatus

from otp_service.simulator.errors import SinchError
from otp_service.simulator.order import Wishes, read_object, read_wishes, section_of
from otp_service.simulator.verification import Method, Reason


@dataclass(frozen=True)
class Verdict:
    """Allowed when there is no `refusal`; then `wishes` may choose code, language and the like."""

    refusal: Reason | None = None
    wishes: Wishes = field(default_factory=Wishes)


INVALID = Verdict(Reason.INVALID_CALLBACK)


def read_verdict(status: int, body: bytes, method: Method) -> Verdict:
    """Read a reply; whatever is not a clear yes or no is an invalid callback."""
    if status != HTTPStatus.OK:
        return INVALID
    try:
        document = read_object(body)
        wishes = read_wishes(section_of(document, method.value))
    except SinchError:
        return INVALID
    action = str(document.get("action", "")).lower()
    if action == "deny":
        return Verdict(Reason.DENIED_BY_CALLBACK)
    return Verdict(wishes=wishes) if action == "allow" else INVALID
