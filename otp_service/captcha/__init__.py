"""Asks a captcha service whether a caller has solved its task. Knows neither accounts nor messages (ADR 50)."""

from otp_service.captcha.access import checks_captcha
from otp_service.captcha.client import CaptchaClient, connect
from otp_service.captcha.schemas import token_field
from otp_service.captcha.settings import CaptchaSettings, Route

__all__ = ["CaptchaClient", "CaptchaSettings", "Route", "checks_captcha", "connect", "token_field"]
