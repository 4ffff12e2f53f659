"""E-mail addresses: one canonical form, so that no spelling opens a second account or a fresh limit."""

from email_validator import EmailNotValidError, validate_email

MAXIMUM_LENGTH = 254


def canonical(text: str) -> str | None:
    """The address in lower case, NFC, with an IDNA domain in Unicode; None when it is no address.

    The local part is folded too: RFC 5321 lets hosts tell `A@` from `a@`, but none that people use does.
    """
    if len(text) > MAXIMUM_LENGTH or "." not in text.rpartition("@")[2]:
        return None
    try:
        address = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return None
    return address.normalized.lower()
