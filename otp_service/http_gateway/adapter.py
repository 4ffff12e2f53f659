"""The HTTP gateway as a provider: it carries codes that we make and compare, and cannot be asked about them."""

from collections.abc import Callable

from otp_service.config import Config
from otp_service.core.calls.errors import CallError
from otp_service.core.calls.guards import BreakerState
from otp_service.http_gateway.client import GatewayClient
from otp_service.http_gateway.settings import NAME, GatewaySettings, read_gateway
from otp_service.providers import (
    PLACEHOLDER,
    Channel,
    Comparison,
    Message,
    NumberRefused,
    Price,
    ProviderKind,
    Standing,
    Started,
)
from otp_service.providers.price_lists import price_in


class GatewayProvider:
    """See providers.Provider."""

    def __init__(self, settings: GatewaySettings, before_call: Callable[[], None] | None) -> None:
        self._settings = settings
        self.client = GatewayClient(settings, before_call)

    def start(self, message: Message) -> Started:
        """Hand the message over. Our reference is its id: a gateway that gets one twice can send it once."""
        if message.code is None or message.template is None:
            raise ValueError("the gateway makes no codes and no texts")
        # A voice that reads 481516 aloud would say a number of six digits.
        shown = " ".join(message.code) if message.channel is Channel.CALLOUT else message.code
        body = {
            "id": message.reference,
            "to": message.number,
            "channel": message.channel.value,
            "text": message.template.replace(PLACEHOLDER, shown),
            "code": message.code,
            "locale": message.locale,
        }
        price = self.client.send(message.reference, body)
        return Started(message.reference, price=price or self.expected_price(message.country, message.channel))

    def find_standing(self, reference: str, *, provider_id: str | None) -> Standing | None:
        """Raise: nothing is known about a message that was handed over."""
        raise NotImplementedError("the gateway cannot be asked")

    def compare(self, provider_id: str, channel: Channel, code: str) -> Comparison:
        """Raise: the code is ours."""
        raise NotImplementedError("the gateway knows no codes")

    def is_of_channel(self, error: CallError) -> bool:
        """Say so for 400 and 422, which are about this message."""
        return isinstance(error, NumberRefused)

    def is_own_failure(self, error: CallError) -> bool:  # noqa: ARG002 - it does not matter
        """Say no: after a failure of the gateway the message may be on its way."""
        return False

    def expected_price(self, country: str, channel: Channel) -> Price | None:
        """Return the price of HTTP_GATEWAY_PRICES."""
        amount = price_in(self._settings.prices, country, channel)
        return None if amount is None else Price(amount, self._settings.currency)

    def state(self) -> BreakerState:
        """Return the state of the breaker."""
        return self.client.state()


def connect(config: Config, before_call: Callable[[], None] | None) -> GatewayProvider:
    """Make the client. Opens no connection."""
    return GatewayProvider(config.of(GatewaySettings), before_call)


HTTP_GATEWAY = ProviderKind(
    name=NAME,
    channels=frozenset({Channel.SMS, Channel.WHATSAPP, Channel.CALLOUT}),
    makes_codes=False,
    names_prices=False,
    connect=connect,
    settings=read_gateway,
)
