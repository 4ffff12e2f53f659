"""The page that shows e-mails in development, where none leaves the machine. It does not exist in production."""

from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from config import Config


def init_page(app: Flask, config: "Config") -> None:
    """Put the page before the application, apart from its routes: it is no part of the API."""
    if config.is_production or config.mail.server is not None:
        return
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    from otp_service.mail_page.page import MailPage

    page = MailPage(app)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/mail": page, "/mail.json": page})  # type: ignore[method-assign]
