"""The types of events, and which of them an event of the audit trail means (docs/audit.md lists those)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

USER = (
    "created", "deleted", "locked", "unlocked", "phone_verified", "phone_changed", "phone_lost", "email_verified",
    "email_changed", "password_changed", "factor_added", "factor_removed",
)  # fmt: skip
SESSION = ("started", "ended")
VERIFICATION = ("sent", "approved", "failed", "expired", "undelivered")
SPEND = ("cap_near", "cap_reached")
FRAUD = ("block_started", "block_ended")
TYPES = (
    *(f"user.{name}" for name in USER),
    *(f"session.{name}" for name in SESSION),
    *(f"verification.{name}" for name in VERIFICATION),
    *(f"spend.{name}" for name in SPEND),
    *(f"fraud.{name}" for name in FRAUD),
)
"""Every type, as docs/events.md lists them."""

TEST = "hook.test"
"""The type of the message that `flask hooks test` sends. No hook names it."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """An event that an audit event means. `facts` are those that go into its data, by the name that they get there.

    `always` are values of every such event. With `has_number`, the data have the number. With `only_with`, the audit
    event means it only if that fact holds.
    """

    type: str
    facts: Mapping[str, str] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    has_number: bool = False
    only_with: str | None = None

    def data(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the event says beyond the user and the number."""
        return {
            **self.always,
            **{name: facts[fact] for fact, name in self.facts.items() if facts.get(fact) is not None},
        }


def _user(name: str, *facts: str, reason: str | None = None, **more: Any) -> Meaning:
    always = {"reason": reason} if reason else {}
    return Meaning(f"user.{name}", {fact: fact for fact in facts}, always, **more)


def _session(name: str, reason: str | None = None, **facts: str) -> Meaning:
    return Meaning(f"session.{name}", facts or {"sessionId": "sessionId"}, {"reason": reason} if reason else {})


def _phone(name: str, *, is_verified: bool) -> Meaning:
    return Meaning(f"user.{name}", always={"isVerified": is_verified}, has_number=True)


_CHANGED_AND_VERIFIED = (_phone("phone_changed", is_verified=True), _phone("phone_verified", is_verified=True))


def _verification(name: str) -> Meaning:
    facts = {fact: fact for fact in ("verificationId", "app", "reference", "channel", "country")}
    return Meaning(f"verification.{name}", facts, has_number=True, only_with="verificationId")


def _spend(name: str) -> Meaning:
    facts = ("scope", "country", "app", "day", "percent", "spent", "cap", "currency")
    return Meaning(f"spend.{name}", {fact: fact for fact in facts})


def _fraud(name: str, *facts: str) -> Meaning:
    counts = ("key", "depth", "verified", "failed", "pending", "odds", "bound", "isEnforced")
    return Meaning(f"fraud.{name}", {fact: fact for fact in (*counts, *facts)})


_SENT, _APPROVED = _verification("sent"), _verification("approved")
"""A user's codes: the event of the act has the verification's id."""

MEANINGS: Mapping[str, tuple[Meaning, ...]] = {
    "user.registered": (Meaning("user.created", {"verified": "isVerified"}, {"isVerified": False}, has_number=True),),
    "user.imported": (Meaning("user.created", {"verified": "isVerified"}, {"isVerified": False}, has_number=True),),
    "user.deleted": (_user("deleted", reason="requested"),),
    "user.deleted_by_operator": (_user("deleted", reason="operator"),),
    "user.released": (_user("deleted", reason="never_verified"),),
    "user.locked_by_operator": (_user("locked", reason="operator"),),
    "user.frozen": (_user("locked", "reason"),),
    "user.unlocked_by_operator": (_user("unlocked"),),
    "user.verified_by_operator": (_phone("phone_verified", is_verified=True),),
    "user.unverified_by_operator": (_user("phone_lost", reason="unverified"),),
    "phone.verified": (_phone("phone_verified", is_verified=True),),
    "phone.changed": (*_CHANGED_AND_VERIFIED, _APPROVED),
    "phone.change_undone": _CHANGED_AND_VERIFIED,
    "phone.set_by_operator": (
        Meaning("user.phone_changed", {"verified": "isVerified"}, {"isVerified": False}, has_number=True),
        Meaning("user.phone_verified", {"verified": "isVerified"}, has_number=True, only_with="verified"),
    ),
    "phone.lost": (_user("phone_lost", reason="verified_by_another"),),
    "email.verified": (_user("email_verified"),),
    "email.changed": (_user("email_changed"), _user("email_verified")),
    "email.set_by_operator": (_user("email_changed"), _user("email_verified", only_with="verified")),
    "email.verified_by_operator": (_user("email_verified"),),
    "email.released": (_user("email_changed", reason="released"),),
    "password.changed": (_user("password_changed", reason="changed"),),
    "password.reset": (_user("password_changed", reason="reset"), _APPROVED),
    "password.set_by_link": (_user("password_changed", reason="link"),),
    "factor.added": (_user("factor_added", "factor"),),
    "factor.removed": (_user("factor_removed", "factor"),),
    "session.started": (_session("started"), _APPROVED),
    "session.stepped_up": (_APPROVED,),
    "otp.requested": (_SENT,),
    "otp.channel_changed": (_SENT,),
    "otp.provider_changed": (_SENT,),
    "otp.verified": (_APPROVED,),
    "session.ended": (_session("ended"),),
    "session.token_reused": (_session("ended", reason="token_reused"),),
    "session.renewed": (
        _session("ended", earlierSessionId="sessionId", sessionId="replacedBy"),
        _session("started", sessionId="sessionId", earlierSessionId="replaces"),
    ),
    **{f"verification.{name}": (_verification(name),) for name in VERIFICATION},
    **{f"spend.{name}": (_spend(name),) for name in SPEND},
    "fraud.block_started": (_fraud("block_started", "reason", "endsAt"),),
    "fraud.block_ended": (_fraud("block_ended", "because", "startedAt"),),
}
"""What each event of the audit trail means for other services."""


def meanings_of(event: str, facts: Mapping[str, Any]) -> tuple[Meaning, ...]:
    """Return what an event of the audit trail means for other services; nothing for most."""
    found = MEANINGS.get(event, ())
    return tuple(meaning for meaning in found if meaning.only_with is None or facts.get(meaning.only_with))


def require_known(patterns: Iterable[str]) -> None:
    """Raise ValueError, which names all types, for a name or pattern that stands for none.

    Only what exists is accepted: a hook for a misspelled type would stay silent.
    """
    for pattern in patterns:
        if not any(matches(name, [pattern]) for name in TYPES):
            kinds = ", ".join(dict.fromkeys(f"{name.partition('.')[0]}.*" for name in TYPES))
            raise ValueError(f"{pattern!r} is no event. Possible are: {', '.join(TYPES)}; and {kinds}, *")


def matches(type: str, patterns: Iterable[str]) -> bool:
    """Whether a hook with these names or patterns (`session.*`, or `*` for all) gets events of a type."""
    return any(
        pattern in {"*", type} or (pattern.endswith(".*") and type.startswith(pattern[:-1])) for pattern in patterns
    )
