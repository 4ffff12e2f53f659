"""The templates by name, and the values that each needs; docs/email.md tells people the same."""

from collections.abc import Iterable
from dataclasses import dataclass

_SEEN_FROM = frozenset({"ip", "agent"})


@dataclass(frozen=True, slots=True)
class Template:
    """The names of the values that a template must and may be given. Each is also given `at`, when it was posted."""

    needs: frozenset[str] = frozenset()
    takes: frozenset[str] = _SEEN_FROM


def _template(*needs: str, takes: Iterable[str] = ()) -> Template:
    return Template(frozenset(needs), _SEEN_FROM | frozenset(takes))


TEMPLATES = {
    "address_verification": _template("link", "valid_minutes"),
    "already_registered": _template(),
    "new_sign_in": _template(),
    "password_changed": _template(),
    "phone_changed": _template("phone_number"),
    "phone_change_undo": _template("phone_number", "link", "valid_minutes"),
    "email_changed": _template("new_email"),
    "factor_added": _template("factor", takes=["label"]),
    "factor_removed": _template("factor", takes=["label"]),
    "recovery": _template(),
    "lockout": _template(takes=["wait_minutes"]),
    "number_lost": _template("phone_number"),
    "account_deleted": _template(),
}


def require_values(template: str, given: Iterable[str]) -> None:
    """Raise ValueError for an unknown template, a missing value or one too many: faults of the caller's code."""
    known = TEMPLATES.get(template)
    if known is None:
        raise ValueError(f"no e-mail template is named {template!r}")
    names = set(given)
    if missing := known.needs - names:
        raise ValueError(f"{template} needs {', '.join(sorted(missing))}")
    if unknown := names - known.needs - known.takes:
        raise ValueError(f"{template} takes no {', '.join(sorted(unknown))}")
