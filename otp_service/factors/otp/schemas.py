"""What a code on the phone looks like."""

from otp_service.core.schema import Schema
from otp_service.factors.otp.fields import CodeField


class PhoneAnswer(Schema):
    """A code that came over the phone, or the number that rang."""

    code = CodeField()
