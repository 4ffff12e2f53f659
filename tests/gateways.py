"""Applications that send codes by the simulator's gateway, and what is stored about their messages."""

from typing import Any

from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.core.services import services_of
from otp_service.http_gateway import HTTP_GATEWAY, GatewayProvider
from otp_service.simulator import Simulator
from otp_service.simulator.settings import DEMO_GATEWAY_SECRET
from otp_service.verifications import owner_of_user
from otp_service.verifications.models import Verification
from tests.environments import give
from tests.factories import Person
from tests.verifications.crashes import Crash


def gateway_at(url: str, providers: str = "http") -> dict[str, str]:
    """The settings of an application with a gateway."""
    return {
        "OTP_PROVIDERS": providers,
        "OTP_ANONYMOUS_CHANNELS": "sms,callout,whatsapp",  # a gateway makes no flash call
        "HTTP_GATEWAY_URL": url,
        "HTTP_GATEWAY_SECRET": DEMO_GATEWAY_SECRET,
    }


def gateway_of(sinch: Simulator, providers: str = "http") -> dict[str, str]:
    """The settings of an application with the simulator's gateway."""
    return gateway_at(f"{sinch.base_url}/gateway/messages", providers)


def rows_of(app: Flask, person: Person) -> list[Any]:
    """The person's verifications, oldest first."""
    table = Verification.__table__
    with app.app_context():
        of_person = select(table).where(Verification.owner == owner_of_user(person.id))
        return list(fetch_all(of_person.order_by(Verification.created_at, Verification.state.desc())))


def steps_of(app: Flask, person: Person) -> list[tuple[str, str, str]]:
    """Provider, channel and state of each of the person's verifications, sorted."""
    return sorted((row.provider, row.channel, row.state) for row in rows_of(app, person))


def messages_to(sinch: Simulator, person: Person) -> list[tuple[str, str]]:
    """Provider and channel of each message that the phone received, newest first."""
    inbox = sinch.inbox(person.phone_number)
    return [(message.get("provider", "sinch"), message["channel"]) for message in inbox]


def die_after_the_gateway(app: Flask) -> None:
    """Let the application die once the gateway has taken a message, and before that is recorded."""
    provider = services_of(app).providers[HTTP_GATEWAY.name]
    assert isinstance(provider, GatewayProvider)

    class Dying(GatewayProvider):
        def start(self, message: Any) -> Any:
            super().start(message)
            raise Crash

    give(app, providers={HTTP_GATEWAY.name: Dying(provider._settings, None)})
