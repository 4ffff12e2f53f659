"""What a code on the phone looks like."""

from otp_service.core.web.schema import Schema
from otp_service.factors.phone.fields import CodeField


class PhoneAnswer(Schema):
    """A code that came over the phone, or the number that rang."""

    code = CodeField()
