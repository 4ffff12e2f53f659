"""The settings of hooks."""

import ssl
from dataclasses import dataclass

from otp_service.config.reader import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSettings:
    """Whether hooks may lead to private addresses. `ca_file` replaces the public certificate authorities."""

    allows_private: bool
    ca_file: str | None = None


def read_hooks(read: Reader) -> HookSettings:
    """Read HOOKS_ALLOW_PRIVATE and HOOKS_CA_FILE."""
    path = read.text("HOOKS_CA_FILE", default="")
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        read.fault("HOOKS_CA_FILE", f"holds {path!r} ({type(error).__name__})", "name a file of certificates (PEM)")
    return HookSettings(allows_private=read.flag("HOOKS_ALLOW_PRIVATE", default=False), ca_file=path or None)
