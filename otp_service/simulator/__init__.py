"""A faithful Sinch Verification API on a real socket, with an inbox for each phone. It stands alone."""

from otp_service.simulator.calls import Call
from otp_service.simulator.settings import SimulatorSettings
from otp_service.simulator.simulator import Simulator, running

__all__ = ["Call", "Simulator", "SimulatorSettings", "running"]
