"""`python -m otp_service.simulator run`: the same commands without an application."""

from otp_service.simulator.cli import simulator_cli

if __name__ == "__main__":
    simulator_cli()
