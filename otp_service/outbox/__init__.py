"""E-mails on their way: written in the transaction of the act that they tell of, sent afterwards until they arrive."""

from otp_service.outbox.delivering import Delivered, deliver
from otp_service.outbox.posting import post
from otp_service.outbox.purging import forget_user, purge
from otp_service.outbox.reading import Opened, read

__all__ = ["Delivered", "Opened", "deliver", "forget_user", "post", "purge", "read"]
