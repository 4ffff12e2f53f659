"""The OpenAPI 3.1 document, built from the contracts of the routes (see core.web.api) and from their schemas."""

from otp_service.ops.openapi.building import document

__all__ = ["document"]
