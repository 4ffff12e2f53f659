"""A plain yes or no in the form in which a policy decides."""

from otp_service.fraud.guard import Action, Decision, Reason

_ALLOWED = Decision(Action.ALLOW, Reason.UNREMARKABLE, ())
_DENIED = Decision(Action.DENY, Reason.PREFIX_NOT_VERIFYING, ())


def verdict(*, is_allowed: bool) -> Decision:
    """Return the decision; the other policies have no evidence to show."""
    return _ALLOWED if is_allowed else _DENIED
