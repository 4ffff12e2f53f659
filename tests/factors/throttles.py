"""Which authenticators the count of wrong proofs has disabled."""

from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.factors import throttle
from otp_service.factors.models import FactorThrottle


def disabled(user_id: int) -> set[str]:
    """The user's authenticators that take no more tries."""
    names = {str(row.authenticator) for row in fetch_all(select(FactorThrottle.authenticator).distinct())}
    return {name for name in names if fetch_all(select(throttle.is_disabled(user_id, name)))[0][0]}
