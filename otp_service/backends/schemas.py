"""The base of the schemas of lists that a backend searches by a whole address or number."""

from typing import Any

from marshmallow import pre_load

from otp_service.accounts.fields import PhoneField
from otp_service.core.web.schema import Schema


class SearchIn(Schema):
    """What to list. Address and number are compared as a whole, in any spelling."""

    phone_number = PhoneField()

    @pre_load
    def _restore(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Read a blank as the plus that it was: in a query, a plus that is not escaped means a blank.

        Parameters without a value are left out.
        """
        given = {name: text for name, text in data.items() if text}  # `?email=&phoneNumber=...` asks for the number
        if "email" in given:
            given["email"] = given["email"].strip().replace(" ", "+")
        if given.get("phoneNumber", "").startswith(" "):
            given["phoneNumber"] = f"+{given['phoneNumber'].lstrip()}"
        return given
