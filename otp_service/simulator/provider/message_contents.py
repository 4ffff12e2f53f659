"""What a message contains: the texts by language, and the random values (codes, calling numbers, ids)."""

import random
import secrets
import string
import uuid
from datetime import datetime
from typing import NamedTuple

DEFAULT_LANGUAGE = "en-US"
PLACEHOLDER = "{{CODE}}"
ALPHABETS = {
    "numeric": string.digits,
    "alpha": string.ascii_uppercase,
    "alphanumeric": string.ascii_uppercase + string.digits,
}
FLASHCALL_PREFIX = "+18156"


class Texts(NamedTuple):
    """The templates of one language. Each holds the placeholder."""

    sms: str
    callout: str
    flashcall: str


TEXTS = {
    "en-US": Texts(
        "Your verification code is {{CODE}}.",
        "Hello. Your verification code is {{CODE}}.",
        "Missed call from {{CODE}}",
    ),
    "es-ES": Texts(
        "Tu código de verificación es {{CODE}}.",
        "Hola. Tu código de verificación es {{CODE}}.",
        "Llamada perdida de {{CODE}}",
    ),
    "de-DE": Texts(
        "Dein Bestätigungscode lautet {{CODE}}.",
        "Hallo. Dein Bestätigungscode lautet {{CODE}}.",
        "Verpasster Anruf von {{CODE}}",
    ),
    "fr-FR": Texts(
        "Votre code de vérification est {{CODE}}.",
        "Bonjour. Votre code de vérification est {{CODE}}.",
        "Appel manqué de {{CODE}}",
    ),
    "it-IT": Texts(
        "Il tuo codice di verifica è {{CODE}}.",
        "Salve. Il tuo codice di verifica è {{CODE}}.",
        "Chiamata persa da {{CODE}}",
    ),
    "pt-BR": Texts(
        "Seu código de verificação é {{CODE}}.",
        "Olá. Seu código de verificação é {{CODE}}.",
        "Chamada perdida de {{CODE}}",
    ),
}


def choose_language(accept_language: str | None) -> str:
    """Return the supported language that Accept-Language prefers, by its whole tag or by its first part."""
    entries = sorted(map(_weighted, (accept_language or "").split(",")), key=lambda entry: -entry[0])
    for weight, tag in entries:
        if weight <= 0 or not tag:
            continue
        for language in TEXTS:
            if tag.lower() in (language.lower(), language[:2]) or tag.lower().startswith(language[:2] + "-"):
                return language
    return DEFAULT_LANGUAGE


def _weighted(entry: str) -> tuple[float, str]:
    """The weight and tag of one entry of Accept-Language. An unreadable weight counts as 0."""
    tag, _, parameter = entry.partition(";")
    name, _, value = parameter.strip().partition("=")
    if name.lower() != "q":
        return 1.0, tag.strip()
    try:
        return float(value), tag.strip()
    except ValueError:
        return 0.0, tag.strip()


class RandomValues:
    """Draws from the system's entropy, or predictably from a seed."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - asked for

    def code(self, code_type: str, length: int) -> str:
        """Return a code of `length` characters. `code_type` is one of Sinch's, in any case."""
        return "".join(self._random.choices(ALPHABETS[code_type.lower()], k=length))

    def calling_number(self) -> str:
        """Return the number that a flash call comes from."""
        return FLASHCALL_PREFIX + self.code("numeric", 6)

    def seamless_token(self) -> str:
        """Return the unguessable last segment of a seamless address."""
        return f"{self._random.getrandbits(128):032x}"

    def identifier(self, now: datetime) -> str:
        """Return a UUID whose first 48 bits are the Unix milliseconds of `now`, like the recent ids of Sinch."""
        value = int(now.timestamp() * 1000) << 80 | self._random.getrandbits(80)
        value = value & ~(0xF << 76) | 7 << 76
        return str(uuid.UUID(int=value & ~(3 << 62) | 2 << 62))
