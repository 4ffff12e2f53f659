"""Registers all commands under `flask`."""

from flask import Flask

from otp_service.operators import migrations_cli
from otp_service.operators.access_cli import lock, reset_mfa, set_password_link, unlock
from otp_service.operators.apps_cli import apps_cli
from otp_service.operators.audit_cli import audit_cli
from otp_service.operators.doctor_cli import doctor
from otp_service.operators.fraud_cli import fraud_cli
from otp_service.operators.fraud_rules_cli import allow, deny, list_rules, remove
from otp_service.operators.hooks_cli import hooks_cli
from otp_service.operators.jobs_cli import retention_cli, worker_command
from otp_service.operators.keys_cli import keys_cli
from otp_service.operators.otp_cli import otp_cli
from otp_service.operators.outbox_cli import outbox_cli
from otp_service.operators.sessions_cli import sessions_cli
from otp_service.operators.spend_cli import spend_cli
from otp_service.operators.stats_cli import stats
from otp_service.operators.transfer_cli import export_command, import_command
from otp_service.operators.users_cli import users_cli
from otp_service.simulator.cli import simulator_cli

_OF_USERS = (lock, unlock, set_password_link, reset_mfa, import_command, export_command)
_OF_FRAUD = (allow, deny, list_rules, remove)
_AT_THE_TOP = (
    users_cli,
    apps_cli,
    sessions_cli,
    keys_cli,
    otp_cli,
    outbox_cli,
    hooks_cli,
    fraud_cli,
    spend_cli,
    audit_cli,
    simulator_cli,
    doctor,
    stats,
    retention_cli,
    worker_command,
)


def register_commands(app: Flask) -> None:
    """Add the commands to the application."""
    migrations_cli.extend()
    for command in _OF_USERS:
        users_cli.add_command(command)
    for command in _OF_FRAUD:
        fraud_cli.add_command(command)
    for command in _AT_THE_TOP:
        app.cli.add_command(command)
