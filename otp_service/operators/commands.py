"""Gathers the commands of all features under `flask`."""

from flask import Flask

from otp_service.operators.doctor_cli import doctor
from otp_service.operators.encryption_cli import rotate_encryption
from otp_service.operators.jobs_cli import retention_cli, worker_command
from otp_service.operators.keys_cli import keys_cli
from otp_service.operators.otp_cli import otp_cli
from otp_service.operators.outbox_cli import outbox_cli
from otp_service.operators.recovery_cli import delete, reset_mfa, set_password_link, set_phone, unlock
from otp_service.operators.sessions_cli import sessions_cli
from otp_service.operators.users_cli import users_cli
from otp_service.simulator.cli import simulator_cli


def register_commands(app: Flask) -> None:
    """Add the command groups."""
    users_cli.add_command(set_password_link)
    users_cli.add_command(unlock)
    users_cli.add_command(reset_mfa)
    keys_cli.add_command(rotate_encryption)
    users_cli.add_command(set_phone)
    users_cli.add_command(delete)
    app.cli.add_command(users_cli)
    app.cli.add_command(sessions_cli)
    app.cli.add_command(keys_cli)
    app.cli.add_command(otp_cli)
    app.cli.add_command(outbox_cli)
    app.cli.add_command(simulator_cli)
    app.cli.add_command(doctor)
    app.cli.add_command(retention_cli)
    app.cli.add_command(worker_command)
