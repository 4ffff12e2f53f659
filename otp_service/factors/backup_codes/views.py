"""The route that issues backup codes."""

from typing import Any

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.backup_codes import factor
from otp_service.factors.backup_codes.schemas import BackupCodesOut
from otp_service.sessions import Caller, strongest_sign_in

bp = Blueprint("backup_codes", __name__, url_prefix="/factors/backup-codes")


@bp.post("")
@strongest_sign_in
@api(out=BackupCodesOut, status=201, errors=(401, 403, 503))
def make(caller: Caller) -> dict[str, Any]:
    """Issue ten new backup codes, shown once. The earlier ones stop working."""
    return factor.replace(caller, client=client_info())
