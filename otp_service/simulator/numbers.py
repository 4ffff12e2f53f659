"""Telephone numbers as Sinch checks them: international, with a plus, of a possible length."""

import phonenumbers
from phonenumbers import ValidationResult

from otp_service.simulator.errors import invalid_parameter

_PROBLEMS = {
    ValidationResult.TOO_SHORT: "Too short.",
    ValidationResult.TOO_LONG: "Too long.",
    ValidationResult.INVALID_COUNTRY_CODE: "Invalid country code.",
    ValidationResult.INVALID_LENGTH: "Invalid length.",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "Too short.",
}


def normal_form(text: str) -> str:
    """A number without the spaces, dots and hyphens that people put into it."""
    return "".join(letter for letter in text if letter not in " .-()")


def parse_number(text: object) -> tuple[str, str]:
    """The E.164 form and the ISO country. Fictional numbers pass; raises SinchError 40001 for impossible ones."""
    if not isinstance(text, str) or not text.strip():
        raise invalid_parameter("Endpoint parameter is missing.")
    if not text.strip().startswith("+"):
        raise invalid_parameter(f"Number {text[:40]} is invalid.  Missing leading '+'.")
    try:
        number = phonenumbers.parse(text.strip())
    except phonenumbers.NumberParseException:
        raise invalid_parameter(f"Number {text[:40]} is invalid.") from None
    problem = _PROBLEMS.get(phonenumbers.is_possible_number_with_reason(number))
    if problem:
        raise invalid_parameter(f"Number {text[:40]} is invalid.  {problem}")
    region = phonenumbers.region_code_for_number(number)
    country = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), country
