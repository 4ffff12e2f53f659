"""The response to a removal of a factor that waits."""

from typing import Any

from marshmallow import fields

from otp_service.core.web.schema import Schema
from otp_service.factors.removals import Removal


class RemovalOut(Schema):
    """A removal that waits, because the sign-in used a weaker factor. Until then the factor works."""

    message = fields.String(required=True)
    effective_at = fields.DateTime(required=True)
    removal_id = fields.UUID(required=True, metadata={"description": "Cancels it: `DELETE /factors/removals/{id}`."})


def present_removal(removal: Removal | None) -> dict[str, Any] | None:
    """Respond to a removal; None for one that has happened."""
    if removal is None:
        return None
    at = removal.effective_at
    message = (
        f"This sign-in used a weaker factor, so the removal takes effect on {at:%Y-%m-%d %H:%M} UTC. "
        "Until then it can be cancelled."
    )
    return {"message": message, "effective_at": at, "removal_id": removal.id}
