"""The words that phones receive, by language."""

from typing import NamedTuple

DEFAULT_LANGUAGE = "en-US"
PLACEHOLDER = "{{CODE}}"


class Texts(NamedTuple):
    """One language's templates; each holds the placeholder."""

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


def _weighted(entry: str) -> tuple[float, str]:
    """The weight and tag of one entry of Accept-Language; an unreadable weight counts as none."""
    tag, _, parameter = entry.partition(";")
    name, _, value = parameter.strip().partition("=")
    if name.lower() != "q":
        return 1.0, tag.strip()
    try:
        return float(value), tag.strip()
    except ValueError:
        return 0.0, tag.strip()


def choose_language(accept_language: str | None) -> str:
    """The supported language that Accept-Language asks for most, by tag or else by its first part."""
    entries = sorted(map(_weighted, (accept_language or "").split(",")), key=lambda entry: -entry[0])
    for weight, tag in entries:
        if weight <= 0 or not tag:
            continue
        for language in TEXTS:
            if tag.lower() in (language.lower(), language[:2]) or tag.lower().startswith(language[:2] + "-"):
                return language
    return DEFAULT_LANGUAGE
