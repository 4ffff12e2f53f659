"""The templates of e-mails, and the values that each one needs and takes. docs/email.md lists the same."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LOCALES = ("en", "de", "es")
"""Every template exists in each of these languages. The first one serves all other locales."""

_CLIENT = frozenset({"ip", "agent"})
_ASKER = ("phone_number", "network")
"""Which account asks, or has the address, and from which network: no text that a stranger chose."""
_UNUSUAL = ("country", "kilometers", "shared")
"""What else is unusual about a sign-in: ISO 3166 country, the way since the last one, other accounts from there."""
_RELEASE = ("release_token", "release_link")
LINKS, TOKENS = ("link", "release_link"), ("token", "release_token")
TIMES = ("at", "erase_at", "effective_at")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")
_LINK = re.compile(r"https?://[!#-;=?-~]+")  # printable ASCII without space, quote and angle brackets


@dataclass(frozen=True, slots=True)
class Template:
    """The names of the required and the optional values. Every template also gets `at`, the time of the event."""

    needs: frozenset[str] = frozenset()
    takes: frozenset[str] = _CLIENT


def _template(*needs: str, takes: Iterable[str] = ()) -> Template:
    return Template(frozenset(needs), _CLIENT | frozenset(takes))


TEMPLATES = {
    "address_verification": _template("token", "valid_minutes", takes=["link", *_RELEASE, *_ASKER]),
    "address_change": _template("token", "valid_minutes", takes=["link", *_ASKER]),
    "address_held": _template("release_token", takes=["release_link", *_ASKER]),
    "already_registered": _template(takes=_ASKER),
    "known_device": _template("token", "valid_minutes", takes=["link"]),
    "new_sign_in": _template(takes=_UNUSUAL),
    "unusual_sign_in": _template(takes=_UNUSUAL),
    "sign_in_denied": _template(),
    "password_changed": _template(),
    "phone_changed": _template("phone_number"),
    "phone_change_undo": _template("phone_number", "token", "valid_minutes", takes=["link"]),
    "email_changed": _template("new_email"),
    "factor_added": _template("factor"),
    "factor_removed": _template("factor"),
    "factor_removal_requested": _template("factor", "effective_at", "token", takes=["link"]),
    "factor_removal_cancelled": _template("factor"),
    "backup_code_used": _template("remaining"),
    "recovery": _template(takes=["hold_hours", "recent", "removed"]),
    "account_frozen": _template(),
    "recovery_code": _template("code", "valid_minutes", takes=["link"]),
    "password_used": _template(),
    "lockout": _template(takes=["wait_minutes"]),
    "number_lost": _template("phone_number"),
    "account_deleted": _template(),
    "deletion_requested": _template("erase_at"),
    "deletion_cancelled": _template(),
    "spend_cap": _template("percent", "spent", "cap", takes=["country", "app", "others"]),
}


def require_values(template: str, given: Mapping[str, Any]) -> None:
    """Reject values that do not fit a template: a bug of the caller, found before the message is stored.

    Raises ValueError for an unknown template, a missing or unknown value, or a malformed link or token.
    """
    known = TEMPLATES.get(template)
    if known is None:
        raise ValueError(f"unknown e-mail template {template!r}")
    if missing := known.needs - given.keys():
        raise ValueError(f"{template} needs {', '.join(sorted(missing))}")
    if unknown := given.keys() - known.needs - known.takes:
        raise ValueError(f"{template} does not take {', '.join(sorted(unknown))}")
    if not all(_LINK.fullmatch(str(given[name])) for name in LINKS if name in given):
        raise ValueError(f"{template}: the link is not an http or https address")
    if not all(_TOKEN.fullmatch(str(given[name])) for name in TOKENS if name in given):
        raise ValueError(f"{template}: the token is malformed")
