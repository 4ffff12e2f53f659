"""What people find in their mail, read as in development: off the page of messages."""

import re
from typing import Any

from tests.api import Api


def letters(api: Api, to: str, template: str | None = None) -> list[dict[str, Any]]:
    """The messages to an address, the newest first."""
    found = api.get("//mail.json", query_string={"to": to}).json["messages"]
    return [letter for letter in found if template is None or letter["template"] == template]


def token_sent(api: Api, to: str) -> str:
    """The token of the newest link to an address."""
    sent = [one for one in letters(api, to) if one["template"] in {"address_verification", "address_change"}]
    return str(sent[0]["link"]).partition("#token=")[2]


def release_sent(api: Api, to: str) -> str:
    """The newest token with which the owner of a mailbox takes the address back."""
    texts = [str(letter["text"]) for letter in letters(api, to)]
    found = [re.findall(r"/release-email#token=(\S+)", text) for text in texts]
    return str(next(tokens[0] for tokens in found if tokens))
