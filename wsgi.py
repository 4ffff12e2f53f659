"""The application for gunicorn and the flask command: `wsgi:app`."""

from config import Config
from otp_service.application import create_app

app = create_app(Config.load())
