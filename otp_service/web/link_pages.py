"""The pages that links in e-mails lead to, and the reset of a password, in the languages of the e-mails."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from otp_service.accounts import earlier_numbers, email_release, email_verification
from otp_service.accounts.password_policy import PasswordPolicy
from otp_service.auth import known_devices, password_links
from otp_service.config.passwords_and_codes import PasswordSettings
from otp_service.factors import removals
from otp_service.mail.catalogue import LOCALES

NAMES = (
    email_verification.PAGE, email_release.PAGE, known_devices.PAGE, password_links.PAGE, earlier_numbers.PAGE,
    removals.PAGE, "reset-password",
)  # fmt: skip
_FOLDER = Path(__file__).parent / "texts"
_LONGEST = PasswordPolicy().maximum_length


def values(name: str, passwords: PasswordSettings, language: str) -> dict[str, Any]:
    """Return the texts of a page, what may come of its form, and the rules for passwords under the settings."""
    said = texts(language)
    sentences = _sentences(said["password"], passwords)
    return {
        "page": said[name],
        "shared": said["shared"],
        "outcomes": said["outcomes"] | said[name]["outcomes"],
        "methods": said["methods"],
        "rules": _rules(sentences, passwords),
        "translations": sentences | said["kinds"],
    }


def titles() -> list[tuple[str, str]]:
    """Return the name and the English title of each page."""
    return [(name, texts(LOCALES[0])[name]["title"]) for name in NAMES]


@cache
def texts(language: str) -> dict[str, Any]:
    """Return everything that the pages say in a language."""
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def _sentences(said: dict[str, str], passwords: PasswordSettings) -> dict[str, str]:
    """Return by each sentence of the password policy what it means in the language of the page."""
    lengths = {"minimum": passwords.minimum_length, "maximum": _LONGEST}
    return {says.format_map(lengths): means.format_map(lengths) for says, means in said.items()}


def _rules(sentences: dict[str, str], passwords: PasswordSettings) -> list[str]:
    at_least, _, *classes = list(sentences.values())[:5]  # the sentences about the form, in the order of the texts
    return [at_least, *(classes if passwords.requires_classes else [])]
