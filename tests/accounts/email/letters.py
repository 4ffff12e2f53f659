"""What people find in their mail, read as in development: off the page of messages."""

from typing import Any

from tests.api import Api


def letters(api: Api, to: str, template: str | None = None) -> list[dict[str, Any]]:
    """The messages to an address, the newest first."""
    found = api.get("//mail.json", query_string={"to": to}).json["messages"]
    return [letter for letter in found if template is None or letter["template"] == template]


def token_sent(api: Api, to: str) -> str:
    """The token of the newest link to an address."""
    link = str(letters(api, to, "address_verification")[0]["link"])
    return link.partition("#token=")[2]
