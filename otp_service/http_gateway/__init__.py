"""Sends codes of ours by any HTTP gateway: it gets a signed request for each message, and knows nothing else."""

from otp_service.http_gateway.adapter import HTTP_GATEWAY, GatewayProvider
from otp_service.http_gateway.settings import GatewaySettings

__all__ = ["HTTP_GATEWAY", "GatewayProvider", "GatewaySettings"]
