"""Why an event is not believed."""

from otp_service.core.errors import NotAuthenticated


class EventNotAccepted(NotAuthenticated):
    """Not signed by the provider for this application, too old or too early, or told before."""

    code = "event_not_accepted"
    title = "The event is not signed, not signed well, too old, or came before."
