"""What the caller sees when a cap is reached."""

from otp_service.core.errors import TooMany, Unavailable


class SpendCapReached(Unavailable):
    """A day's spend has reached a cap of the operator; other factors still work."""

    code = "spend_cap_reached"
    title = "No more codes can be sent today. Try again tomorrow, or use another way to sign in."


class AppSpendLimit(TooMany):
    """The messages of a backend's app have cost as much as its operator allows for a day."""

    code = "app_spend_limit"
    title = "This app's messages have cost as much as they may in a day. Try again tomorrow."
