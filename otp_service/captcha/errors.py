"""What can go wrong with a captcha, and what the client reads."""

from otp_service.core.errors import Forbidden, Unavailable


class CaptchaRequired(Forbidden):
    """The route needs a captcha, and the request has no token of one."""

    code = "captcha_required"
    title = "Solve the captcha and send its token as captchaToken."


class CaptchaFailed(Forbidden):
    """The token is wrong, expired, used, or for another page or action."""

    code = "captcha_failed"
    title = "The captcha was not accepted. Solve a new one and try again."


class CaptchaUnavailable(Unavailable):
    """The verifier gave no usable response, so no captcha can be accepted."""

    code = "captcha_unavailable"
    title = "The captcha cannot be verified at the moment. Try again soon."
