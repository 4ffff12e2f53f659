"""What can go wrong with a recovery once the code was right."""

from otp_service.core.errors import Forbidden


class SecondFactorRequired(Forbidden):
    """The code was right and stays good; the account wants another of its factors as well."""

    code = "second_factor_required"
    title = "Prove a second factor as well to reset your password."
