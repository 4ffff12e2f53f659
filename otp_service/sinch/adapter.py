"""Sinch as a provider: it makes the codes, compares them, and is asked how a verification stands."""

from collections.abc import Callable
from http import HTTPStatus

from otp_service.config import Config, ConfigError
from otp_service.core.calls.errors import CallError, OutcomeUnknown
from otp_service.core.calls.guards import BreakerState
from otp_service.providers import Channel, Comparison, Message, Price, ProviderKind, Standing, Started
from otp_service.sinch.client import SinchClient
from otp_service.sinch.errors import (
    CodeRejected,
    DuplicateReference,
    VerificationExpired,
    VerificationFailed,
    VerificationNotFound,
)
from otp_service.sinch.price_list import SinchPrices, read_sinch_prices
from otp_service.sinch.settings import SinchSettings

NO_ROUTE = 42201
"""Sinch's code for a number that this channel does not reach."""

_FROM_SINCH_ITSELF = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
"""502 and 504 come from a gateway: the server behind it may still be at work."""


class SinchProvider:
    """See providers.Provider."""

    def __init__(self, client: SinchClient, prices: SinchPrices | None = None) -> None:
        self.client = client
        self._prices = prices or SinchPrices()

    def start(self, message: Message) -> Started:
        """Have Sinch send a code of its own. After an unknown outcome, `find_standing` may find it."""
        try:
            receipt = self.client.start(
                message.number,
                message.channel,
                reference=message.reference,
                locale=message.locale,
                template=message.template,
                ttl_seconds=message.ttl_seconds,
            )
        except DuplicateReference as error:
            # An earlier try of this very start got through.
            raise OutcomeUnknown(error.detail, http_status=error.http_status, error_code=error.error_code) from error
        return Started(receipt.id, receipt.code_lifetime_seconds)

    def find_standing(self, reference: str, *, provider_id: str | None) -> Standing | None:
        """Ask by our reference: it exists before the call to start, so it serves when the response to that was lost."""
        found = self.client.find_started(reference, expected_id=provider_id)
        return Standing(found.id, found.status, found.summary, found.price) if found else None

    def compare(self, provider_id: str, channel: Channel, code: str) -> Comparison:
        """Report by Sinch's id: a report by number could reach another verification of the same number."""
        try:
            self.client.report(provider_id, channel, code)
        except CodeRejected:
            return Comparison.WRONG
        except (VerificationExpired, VerificationFailed, VerificationNotFound):
            return Comparison.OVER
        return Comparison.RIGHT

    def is_of_channel(self, error: CallError) -> bool:
        """Say so for a missing route. That Sinch is away, busy or out of credit holds for every channel."""
        return error.error_code == NO_ROUTE

    def is_own_failure(self, error: CallError) -> bool:
        """Say so for Sinch's own error code in a status of its own."""
        return error.http_status in _FROM_SINCH_ITSELF and error.error_code is not None

    def expected_price(self, country: str, channel: Channel) -> Price | None:
        """Return the price of SINCH_PRICES, or a rough one."""
        return self._prices.of(country, channel)

    def state(self) -> BreakerState:
        """Return the state of the breaker."""
        return self.client.state()


def connect(config: Config, before_call: Callable[[], None] | None) -> SinchProvider:
    """Make the client. Raises ConfigError."""
    access = config.sinch
    try:
        settings = SinchSettings(
            key=access.app_key,
            secret=access.app_secret,
            base_url=access.base_url,
            auth="signed" if access.auth == "signed" else "basic",
            read_timeout_seconds=access.read_timeout_seconds,
            code_ttl_seconds=config.codes.ttl_seconds,
            failure_threshold=access.breaker_failures,
            pool_size=access.concurrency,
            max_in_flight=access.concurrency,
            in_flight_wait_seconds=access.wait_seconds,
            proxy=access.proxy,
            ca_bundle=access.ca_file,
        )
    except ValueError as error:
        raise ConfigError([f"SINCH_APP_KEY, SINCH_APP_SECRET, SINCH_AUTH or SINCH_BASE_URL: {error}."]) from error
    return SinchProvider(SinchClient(settings, before_call), config.of(SinchPrices))


SINCH = ProviderKind(
    name="sinch",
    channels=frozenset(Channel),
    makes_codes=True,
    names_prices=True,
    connect=connect,
    settings=read_sinch_prices,
)
