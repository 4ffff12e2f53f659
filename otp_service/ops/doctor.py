"""Looks at everything that an installation needs, and says what to do about what is missing."""

import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from otp_service import sinch
from otp_service.core.crypto import hashing
from otp_service.core.settings import settings
from otp_service.ops.findings import Finding, failed, ok, warning
from otp_service.ops.store_checks import check_database, check_redis

SLOW_HASH_SECONDS = 1.0


def examine() -> Iterator[Finding]:
    """Every finding, as soon as it is made. Whatever is broken, all checks are made."""
    for name, check in _CHECKS.items():
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - one broken thing must not hide the others
            yield failed(name, f"could not be checked ({type(error).__name__}: {error})", "This is a fault of ours.")


def _check_settings() -> Iterator[Finding]:
    """What cannot be used at all has ended the start, with a line each, before any command runs."""
    config = settings()
    yield ok(
        "settings", f"{config.app_env}, security profile {config.security_profile}, {config.mfa_policy} MFA policy"
    )
    for told in config.warnings:
        yield warning("settings", told, "Set it, or take it as it is.")


def _check_instance() -> Iterator[Finding]:
    folder = settings().instance_dir
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        remedy = "Let the user of the service write there, or name another folder with INSTANCE_DIR."
        yield failed("instance folder", f"{folder} cannot be written ({error.strerror})", remedy)
        return
    yield ok("instance folder", f"{folder} can be written")


def _check_sinch() -> Iterator[Finding]:
    """Ask for a verification that cannot exist: that it is not found shows that the credentials are good."""
    place = urlsplit(settings().sinch_base_url).netloc or settings().sinch_base_url
    try:
        sinch.get_client().status_by_reference(str(uuid.uuid4()))
    except sinch.VerificationNotFound:
        yield ok("sinch", f"{place} takes the credentials")
    except sinch.BadCredentials as error:
        remedy = "Copy SINCH_APP_KEY and SINCH_APP_SECRET from the dashboard; is this machine's clock right?"
        yield failed("sinch", f"{place} does not take the credentials ({error.error_code})", remedy)
    except sinch.Refused as error:
        remedy = "Look at the app's settings in the Sinch dashboard (minimum authorisation level, credit)."
        yield failed("sinch", f"{place} refuses ({type(error).__name__}, {error.error_code})", remedy)
    except sinch.Unavailable as error:
        remedy = "Look at SINCH_BASE_URL, the network, the firewall; without an account: flask simulator run"
        yield failed("sinch", f"{place}: {error.detail}", remedy)
    else:
        yield ok("sinch", f"{place} takes the credentials")


def _check_hashing() -> Iterator[Finding]:
    started = time.perf_counter()
    hashing.hash_password("as good as any", cost=settings().password_salt_rounds)
    yield rate_hashing(time.perf_counter() - started, cores=_cores())


def rate_hashing(seconds: float, *, cores: int) -> Finding:
    """What a password costs here, and so how many people can sign in."""
    config = settings()
    at_once = min(config.password_hash_concurrency, cores)
    detail = (
        f"bcrypt at cost {config.password_salt_rounds} takes {seconds * 1000:.0f} ms, {at_once} at once on "
        f"{cores} cores: about {at_once / seconds:.1f} sign-ins a second"
    )
    if seconds > SLOW_HASH_SECONDS:
        return warning("hashing", detail, "Lower PASSWORD_SALT_ROUNDS (10 or more), or use a faster machine.")
    if config.password_hash_concurrency > cores:
        remedy = f"Set PASSWORD_HASH_CONCURRENCY to {cores}: more at once only slow each other down."
        return warning("hashing", detail, remedy)
    return ok("hashing", detail)


def _cores() -> int:
    """Those that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "settings": _check_settings,
    "instance folder": _check_instance,
    "database": check_database,
    "redis": check_redis,
    "sinch": _check_sinch,
    "hashing": _check_hashing,
}
