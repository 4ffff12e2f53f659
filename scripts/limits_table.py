#!/usr/bin/env python3
"""Writes the table of all limits into docs/security.md (`make limits`). Its numbers and windows come from the code."""

import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from flask import Flask

from config import ROOT, Config
from otp_service.accounts import email_verification, links
from otp_service.accounts import throttle as password_throttle
from otp_service.accounts.errors import AccountLocked, EmailLinkLimit
from otp_service.application import create_app
from otp_service.auth import known_devices
from otp_service.captcha import access as captcha
from otp_service.captcha.errors import CaptchaFailed
from otp_service.core.allowances import DAY, HOUR, Allowance
from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.errors import ServiceError, TooMany
from otp_service.core.services import settings
from otp_service.core.web import body
from otp_service.core.web.problems import API_PREFIX
from otp_service.factors import throttle as factor_throttle
from otp_service.factors.errors import AuthenticatorDisabled
from otp_service.spending.errors import AppSpendLimit, SpendCapReached
from otp_service.spending.settings import SpendSettings
from otp_service.verifications import callbacks, limits
from otp_service.verifications.errors import EventNotAccepted, TooManyAttempts
from otp_service.verifications.states import ATTEMPTS_PER_CODE, STRANGERS_PER_CODE, Asker, Purpose

PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- limits: made by `make limits` -->\n", "<!-- limits: end -->\n"
HEAD = "| key | for each | number | window | setting | effect | error |\n|---|---|---|---|---|---|---|\n"
MINUTE = 60
NUMBER, ADDRESS, NAME, USER = "number", "client network", "name", "user"
ON = "`RATE_LIMITS_ENABLED`"
_HOURLY, _DAILY = "`OTP_SENDS_PER_NUMBER_HOUR`", "`OTP_SENDS_PER_NUMBER_DAY`"
_GUNICORN = (ROOT / "gunicorn.conf.py").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Limit:
    """A line of the table. Without an `error`, what goes beyond the limit is left undone in silence."""

    key: str
    per: str
    number: int | str
    window: int | timedelta | str
    setting: str
    effect: str
    error: type[ServiceError] | str | None = None


_NO_TYPED_CODE = "no code from an e-mail is looked up"
_NO_HASH = "no more sign-ins wait for a password hash"
_NO_DEVICE_MAIL = "no more e-mails; the response stays 202"
_UNKNOWN_RESERVE = "codes that the password gets on an unknown client although others used the number's up"
SENDS: Mapping[str, tuple[str, str, str]] = {
    "otp-cooldown": ("owner of the code", "`OTP_COOLDOWN`", "the next code waits, on every channel"),
    "otp-change-cooldown": ("owner of the code", "`OTP_COOLDOWN`", "the next code to a new number waits"),
    "otp-number-cooldown": (NUMBER, "`OTP_COOLDOWN`", "a backend's next code to the number waits"),
    "otp-first-to-new-number": ("session", "", "the first code to a new number goes in spite of `otp-cooldown`"),
    "otp-number-hour": (
        NUMBER,
        _HOURLY,
        "no more codes, on any channel, for any purpose, account or app (+2, see `otp-reserve-hour`)",
    ),
    "otp-number-day": (
        NUMBER,
        _DAILY,
        "no more codes, on any channel, for any purpose, account or app (+4, see `otp-reserve-day`)",
    ),
    "otp-anonymous-hour": (NUMBER, _HOURLY, "strangers use three fifths of a verified number's codes"),
    "otp-anonymous-day": (NUMBER, _DAILY, "strangers use three fifths of a verified number's codes"),
    "otp-unknown-day": (NUMBER, _DAILY, "the password on an unknown client uses three fifths of a day's codes"),
    "otp-reserve-hour": (NUMBER, _HOURLY, "codes that known clients get although others used the number's up"),
    "otp-reserve-day": (NUMBER, _DAILY, "codes that known clients get although others used the number's up"),
    "otp-unknown-reserve-hour": (NUMBER, _HOURLY, _UNKNOWN_RESERVE),
    "otp-unknown-reserve-day": (NUMBER, _DAILY, _UNKNOWN_RESERVE),
    "otp-address-hour": (ADDRESS, f"`OTP_SENDS_PER_ADDRESS_HOUR`, {ON}", "no more codes to any number"),
    "otp-address-hour-56": ("/56 of IPv6", "`RATE_LIMIT_IPV6_56_TIMES`", "no more codes to any number"),
    "otp-address-hour-48": ("/48 of IPv6", "`RATE_LIMIT_IPV6_48_TIMES`", "no more codes to any number"),
    "anonymous-sends-hour": (
        "all together",
        f"`OTP_ANONYMOUS_SENDS_PER_HOUR`, {ON}",
        "no more codes to anonymous clients",
    ),
    "anonymous-sends-day": (
        "all together",
        f"`OTP_ANONYMOUS_SENDS_PER_DAY`, {ON}",
        "no more codes to anonymous clients",
    ),
    "app-sends-day": ("app", "`flask apps create --sends-per-day`", "no more codes for this app"),
    "named-phone-cooldown": (NAME, "`OTP_COOLDOWN`", "with hidden existence: the next code by name waits"),
    "named-phone-hour": (NAME, _HOURLY, "with hidden existence: no more codes by this name"),
    "named-phone-day": (NAME, _DAILY, "with hidden existence: no more codes by this name"),
    "named-phone-address": (
        ADDRESS,
        f"`OTP_SENDS_PER_ADDRESS_HOUR`, {ON}",
        "with hidden existence: no more codes by name",
    ),
    "named-phone-address-56": (
        "/56 of IPv6",
        "`RATE_LIMIT_IPV6_56_TIMES`",
        "with hidden existence: no more codes by name",
    ),
    "named-phone-address-48": (
        "/48 of IPv6",
        "`RATE_LIMIT_IPV6_48_TIMES`",
        "with hidden existence: no more codes by name",
    ),
    "named-reset-hour": (NAME, _HOURLY, "no more resets by this name; the response stays 202"),
    "named-reset-day": (NAME, _DAILY, "no more resets by this name; the response stays 202"),
    "named-reset-address": (ADDRESS, f"`OTP_SENDS_PER_ADDRESS_HOUR`, {ON}", "no more resets; the response stays 202"),
    "named-reset-address-56": ("/56 of IPv6", "`RATE_LIMIT_IPV6_56_TIMES`", "no more resets; the response stays 202"),
    "named-reset-address-48": ("/48 of IPv6", "`RATE_LIMIT_IPV6_48_TIMES`", "no more resets; the response stays 202"),
}
"""For each limit on messages: what it counts for, the settings that move it, and its effect."""

TRIES: Mapping[str, tuple[str, str, str]] = {
    "named-phone-tries": (
        "name and /24 or /56",
        "`OTP_CHECKS_PER_HOUR`",
        "with hidden existence: no more codes are compared",
    ),
    "named-phone-code-tries": ("name and /24 or /56", "`OTP_TTL`", "with hidden existence: a new code is due"),
    "named-reset-tries": ("name and /24 or /56", "`OTP_CHECKS_PER_HOUR`", "no more codes of a reset are compared"),
    "named-reset-code-tries": ("name and /24 or /56", "`OTP_TTL`", "a new code is due"),
    "app-number-tries": (NUMBER, "`OTP_CHECKS_PER_HOUR`", "backends get no more codes of this number compared"),
}


def main() -> int:
    """Write the table between its marks."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(page), encoding="utf-8")
    return 0


def with_table(page: str) -> str:
    """Return the page with the table of this code. Raises ValueError without its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} lacks the marks of the table")
    return f"{before}{begin}{table()}{end}{after}"


def table() -> str:
    """Return the table, with the default settings."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(
            Config.from_env({"INSTANCE_DIR": folder, "LOG_LEVEL": "ERROR", "PASSWORD_HASH_CONCURRENCY": "2"})
        )
        with app.app_context():
            return HEAD + "".join(_line(limit) for limit in all_limits(app))


def all_limits(app: Flask) -> list[Limit]:
    """Return every limit; needs an application context."""
    return [*_messages(), *_money(), *_tries(), *_sign_ins(), *_mails(), *_requests(app), *_sizes()]


def _messages() -> Iterator[Limit]:
    taken: dict[str, Allowance] = {}
    for spending in _spendings():
        reserve, first, usual = (
            limits._reserve(spending),
            limits._first_to_new_number(spending),
            limits._of_send(spending),
        )
        taken |= {one.name: one for one in chain(reserve, first, usual)}
    for purpose in limits._NAMED:
        taken |= {one.name: one for one in limits._of_named_send(purpose, "name", "2001:db8::1")}
    yield from _described(taken, SENDS)


def _money() -> Iterator[Limit]:
    part = 100 - settings().of(SpendSettings).reserved_percent
    per_day, per_country, reserved = "`SPEND_PER_DAY`", "`SPEND_PER_COUNTRY_DAY`", "`SPEND_RESERVED_FOR_SIGN_INS`"
    yield Limit("total", "all together", "as set", "day (UTC)", per_day, "no more codes to anyone", SpendCapReached)
    yield Limit("country", "country", "as set", "day (UTC)", per_country, "no more codes to it", SpendCapReached)
    yield Limit(
        "strangers", "total and country", f"{part} % of these", "day (UTC)", reserved,
        "no more codes, except to people who sign in with a verified phone", SpendCapReached,
    )  # fmt: skip
    yield Limit("app", "app", "as set", "day (UTC)", "`--spend-per-day`", "no more codes for this app", AppSpendLimit)


def _spendings() -> Iterator[limits.Spending]:
    """Yield one message of each kind; their limits together are all that there are."""
    for asker in Asker:
        for purpose in (Purpose.SIGN_IN, Purpose.PHONE_CHANGE):
            owner, sends = ("app:1/x", 1) if asker is Asker.BACKEND else ("user:1", None)
            yield limits.Spending(owner, "+14155552671", "2001:db8::1", purpose, asker, uuid.UUID(int=0), sends)


def _tries() -> Iterator[Limit]:
    checks, codes = settings().codes.checks_per_hour, "`OTP_CHECKS_PER_HOUR`"
    yield Limit("verifications.attempts", "code", ATTEMPTS_PER_CODE, "its life", "", "the code ends", TooManyAttempts)
    yield Limit(
        "verifications.strangers_attempts", "code", STRANGERS_PER_CODE, "its life", "",
        "callers by name from other networks are refused; the code lives on", TooManyAttempts,
    )  # fmt: skip
    yield Limit(
        "factor_throttles, hour", "user and factor", checks, HOUR, codes,
        "no response of this factor is checked; no new code, channel or name resets it", TooManyAttempts,
    )  # fmt: skip
    yield Limit(
        "factor_throttles, phone:anonymous", USER, limits.strangers_tries(checks), HOUR, codes,
        "the part of these that callers by name may use", TooManyAttempts,
    )  # fmt: skip
    yield Limit(
        "factor_throttles, in a row", "user and factor", factor_throttle.DISABLED_AT, "until a right one", "",
        "the factor is disabled until recovery or `flask users unlock`; by name: one try on each code instead",
        AuthenticatorDisabled,
    )  # fmt: skip
    yield Limit(
        "otp-tries-where-asked", "user and /24 or /56", limits.strangers_tries(checks), HOUR, codes,
        "no code is compared for the network that asked by name", TooManyAttempts,
    )  # fmt: skip
    yield Limit(
        "passkey-tries", "user and /24 or /56", checks, HOUR, codes, "no passkey of the user is checked from there",
        TooManyAttempts,
    )  # fmt: skip
    named = chain.from_iterable(
        (*limits._of_named_try(purpose, "name", "192.0.2.1"), limits._number_tries("app:1/x"))
        for purpose in limits._NAMED
    )
    yield from _described({one.name: one for one in named}, TRIES)


def _sign_ins() -> Iterator[Limit]:
    passwords = settings().passwords
    wait, longest = password_throttle.FIRST_WAIT, password_throttle.LONGEST_WAIT
    yield Limit(
        "login_throttles", "address, for strangers; known device; known network", passwords.failures_before_wait,
        "in a row", "`LOGIN_FAILURES_BEFORE_WAIT`",
        f"a wait of {wait.seconds} s, doubling to {longest.seconds // MINUTE} minutes; each ends by itself",
        AccountLocked,
    )  # fmt: skip
    yield Limit(
        "open challenges", USER, settings().sign_in.max_open_challenges, "10 minutes", "`MAX_OPEN_CHALLENGES`",
        "the oldest is void",
    )  # fmt: skip
    yield Limit(
        "sessions", USER, settings().tokens.max_sessions, "their life", "`MAX_SESSIONS`",
        "the session that was used least recently ends",
    )  # fmt: skip
    yield Limit("typed codes", "/24 or /56", links.CODES_PER_SITE, HOUR, "", _NO_TYPED_CODE, TooMany)
    yield Limit("typed codes", "all together", links.CODES_IN_ALL, HOUR, "", _NO_TYPED_CODE, TooMany)
    yield Limit(
        "sinch-event", "event of Sinch", 1, callbacks.REMEMBERED_SECONDS, "", "an event counts once", EventNotAccepted
    )
    yield Limit(
        "captcha-token", "token", 1, captcha.TOKEN_SECONDS, "`CAPTCHA_VERIFY_URL`", "a token counts once", CaptchaFailed
    )
    yield Limit(
        "hash queue", "worker", passwords.hash_waiting, "at once", "`PASSWORD_HASH_QUEUE`",
        _NO_HASH, SlotsBusy,
    )  # fmt: skip
    yield Limit(
        "hash queue", "machine", f"{passwords.hash_wait_seconds:.0f} s", "of hashing", "`PASSWORD_HASH_WAIT_MS`",
        _NO_HASH, SlotsBusy,
    )  # fmt: skip


def _mails() -> Iterator[Limit]:
    yield Limit(
        "email resend pause", USER, 1, email_verification.PAUSE_SECONDS, "", "the next link waits", EmailLinkLimit
    )
    yield Limit("email resends", USER, email_verification.PER_HOUR, HOUR, "", "no more links", EmailLinkLimit)
    yield Limit("email changes", USER, email_verification.PER_HOUR, HOUR, "", "no more changes", EmailLinkLimit)
    yield Limit(
        "email changes to address", "address", email_verification.PER_HOUR, HOUR, "", "no more links to it",
        EmailLinkLimit,
    )  # fmt: skip
    yield Limit("known-device-hour", "address", known_devices.PER_HOUR, HOUR, "", _NO_DEVICE_MAIL)
    yield Limit("known-device-day", "address", known_devices.PER_DAY, DAY, "", _NO_DEVICE_MAIL)
    yield Limit(
        "notices to the owner of an address", "address", 1, DAY, "", "no more e-mails about registrations with it"
    )
    yield Limit("second step notice", USER, 1, DAY, "", "no more e-mails about unfinished sign-ins")
    yield Limit("sign-in denied notice", USER, 1, DAY, "", "no more e-mails about sign-ins that a rule denied")


def _requests(app: Flask) -> Iterator[Limit]:
    config = settings().limits
    times = "4 and 16 times that for a /56 and /48 of IPv6"
    yield Limit(
        "global", ADDRESS, config.max_requests, config.window_seconds,
        f"`RATE_LIMIT_MAX_REQUESTS`, `RATE_LIMIT_WINDOW_MS`, {ON}", f"no route responds; {times}", TooMany,
    )  # fmt: skip
    scopes = {
        "register": (config.register_per_hour, HOUR, "`RATE_LIMIT_REGISTER_PER_HOUR`"),
        "failed-login": (config.failed_logins, 15 * MINUTE, "`RATE_LIMIT_FAILED_LOGINS`"),
        "otp": (config.otp_per_minute, MINUTE, "`RATE_LIMIT_OTP_PER_MINUTE`"),
        "refresh": (config.refresh_per_minute, MINUTE, "`RATE_LIMIT_REFRESH_PER_MINUTE`"),
    }
    routes = _routes_by_scope(app)
    if set(routes) != set(scopes):
        raise ValueError(f"scopes of requests without a description: {set(routes) ^ set(scopes)}")
    for scope, (number, window, setting) in scopes.items():
        counted = "rejected with 401: " if scope == "failed-login" else ""
        yield Limit(scope, ADDRESS, number, window, f"{setting}, {ON}", f"{counted}{', '.join(routes[scope])}", TooMany)
    yield Limit(
        "key", "API key", config.key_per_minute, MINUTE, f"`RATE_LIMIT_KEY_PER_MINUTE`, {ON}",
        "no route for backends responds to this key", TooMany,
    )  # fmt: skip


def _routes_by_scope(app: Flask) -> dict[str, list[str]]:
    """Return the routes that share a limit per client address, as their views say."""
    found: dict[str, list[str]] = {}
    for rule in app.url_map.iter_rules():
        scope = getattr(app.view_functions[rule.endpoint], "limit_scope", None)
        if scope is not None:
            [verb] = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            found.setdefault(scope, []).append(f"`{verb} {rule.rule.removeprefix(API_PREFIX)}`")
    return {scope: sorted(routes) for scope, routes in found.items()}


def _sizes() -> Iterator[Limit]:
    sizes: Mapping[str, tuple[str, int | str, str]] = {
        "body": ("request", f"{body.BODY_LIMIT_BYTES // 1024} KiB", "413 `body_too_large`"),
        "nesting": ("body", body.DEPTH_LIMIT, "400 `malformed_json`"),
        "address": ("request", f"{_of_gunicorn('limit_request_line')} bytes", "414 `uri_too_long`"),
        "headers": ("request", _of_gunicorn("limit_request_fields"), "431 `headers_too_large`"),
        "header": ("header", f"{_of_gunicorn('limit_request_field_size')} bytes", "431 `headers_too_large`"),
        "arrival": ("request", f"{_of_gunicorn('RECEIVE_SECONDS')} s", "408 `request_timeout`"),
    }
    for key, (per, number, error) in sizes.items():
        yield Limit(key, per, number, "", "", "the request is rejected before any route sees it", error)


def _of_gunicorn(name: str) -> int:
    found = re.search(rf"^{name} = ([0-9]+)$", _GUNICORN, re.MULTILINE)
    if found is None:
        raise ValueError(f"gunicorn.conf.py sets no {name}")
    return int(found[1])


def _described(taken: Mapping[str, Allowance], words: Mapping[str, tuple[str, str, str]]) -> Iterator[Limit]:
    """Join what the code counts with what we say about it. Raises ValueError where one lacks the other."""
    if set(taken) != set(words):
        raise ValueError(f"limits without a description, or the reverse: {sorted(set(taken) ^ set(words))}")
    for name, (per, setting, effect) in words.items():
        one = taken[name]
        is_silent = any(word in name for word in ("reserve", "first-to")) or effect.endswith("202")
        number = "as set" if name == "app-sends-day" else one.limit
        yield Limit(name, per, number, one.window_seconds, setting, effect, None if is_silent else one.refusal)


def _line(limit: Limit) -> str:
    error = limit.error
    shown = f"{error.status_code} `{error.code}`" if isinstance(error, type) else (error or "none")
    cells = (f"`{limit.key}`", limit.per, limit.number, _in_words(limit.window), limit.setting, limit.effect, shown)
    return f"| {' | '.join(str(cell) for cell in cells)} |\n".replace("|  |", "| |")


def _in_words(window: int | timedelta | str) -> str:
    """3600 -> `hour`, 120 -> `2 minutes`."""
    if isinstance(window, str):
        return window
    seconds = int(window.total_seconds()) if isinstance(window, timedelta) else window
    for unit, length in (("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
        if seconds % length == 0:
            return unit if seconds == length else f"{seconds // length} {unit}s"
    return f"{seconds} s"


if __name__ == "__main__":
    raise SystemExit(main())
