"""What is stored about a person's backup codes, for that person; no code and no part of one."""

from typing import Any

from otp_service.core.database.rows import rows_about
from otp_service.factors.backup_codes.models import BackupCode


def codes(user_id: int) -> list[dict[str, Any]]:
    """When each backup code was made and used."""
    return rows_about(BackupCode.user_id == user_id, BackupCode.created_at, BackupCode.used_at)
