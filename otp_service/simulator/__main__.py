"""Run the commands without an application: `python -m otp_service.simulator run`."""

from otp_service.simulator.cli import simulator_cli

if __name__ == "__main__":
    simulator_cli()
