"""Addresses beyond ASCII as they travel: domains as A-labels (IDNA 2008, RFC 5891), local parts by SMTPUTF8 (RFC 6531).

Accounts hold a domain in Unicode, its one canonical form. Every mail server understands A-labels, and only some
understand anything else (ADR 26).
"""

import re
from email.errors import MessageError
from email.headerregistry import Address

import idna

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

UNSENDABLE = "only ASCII characters may stand before the @, because this service cannot send e-mail to other addresses"


def on_the_wire(address: str) -> Address:
    """Return the address for envelope and header, with its domain in A-labels.

    Raises ValueError for what is not one address.
    """
    username, _, name = address.rpartition("@")
    domain = ascii_domain(name)
    try:
        # Address checks the form, and rejects letters beyond ASCII in a local part: so it gets others to check.
        Address(addr_spec=f"{_BEYOND_ASCII.sub('x', username)}@{domain}")
    except (MessageError, IndexError) as error:
        raise ValueError(type(error).__name__) from error
    return Address(username=username, domain=domain)


def ascii_domain(domain: str) -> str:
    """Return the domain in A-labels. Raises ValueError for a name that IDNA 2008 does not allow."""
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()


def needs_smtputf8(address: str) -> bool:
    """Whether only a mail server with SMTPUTF8 can take mail for this address: its local part is not ASCII."""
    return not address.rpartition("@")[0].isascii()
