"""The route that makes backup codes."""

from typing import Any

from flask import Blueprint

from otp_service.core.web.api import api
from otp_service.core.web.tracing import client_info
from otp_service.factors.backup_codes import making
from otp_service.factors.backup_codes.schemas import BackupCodesOut
from otp_service.sessions import Caller, fresh_sign_in

bp = Blueprint("backup_codes", __name__, url_prefix="/factors/backup-codes")


@bp.post("")
@fresh_sign_in
@api(out=BackupCodesOut, status=201, errors=(401, 403, 503))
def make(caller: Caller) -> dict[str, Any]:
    """Make ten new backup codes, shown once; the old ones are dead."""
    return {"backup_codes": making.make_anew(caller.user_id, client=client_info())}
