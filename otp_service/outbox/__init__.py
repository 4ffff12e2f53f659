"""E-mails on their way: written in the transaction of the act that they tell of, sent afterwards until they arrive."""

from otp_service.outbox.posting import post

__all__ = ["post"]
