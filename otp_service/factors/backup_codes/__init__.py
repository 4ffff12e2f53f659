"""Backup codes as a factor for emergencies: ten at a time, each of which works once."""

from otp_service.core.database.rows import ExportPart
from otp_service.factors.backup_codes import factor
from otp_service.factors.backup_codes.schemas import BackupCodeResponse
from otp_service.factors.backup_codes.views import bp
from otp_service.factors.contract import Factor
from otp_service.factors.strength import Strength

BACKUP_CODES = Factor(
    kind=factor.KIND,
    label="a backup code",
    method_names=factor.METHOD_NAMES,
    response=BackupCodeResponse,
    enrolment=factor.enrolment,
    methods_of=factor.methods_of,
    verify=factor.verify,
    describe=factor.describe,
    strength=Strength.CODE,
    remove_all=factor.remove_all,
    remove_added_since=factor.remove_added_since,
    mfa_path="backup-code",
    is_backup=True,
    make_first_codes=factor.make_first,
    blueprint=bp,
    personal_data=(ExportPart("backupCodes", "backup_codes", factor.personal_data),),
)
