"""A simulated Sinch Verification API on a real socket, with an inbox for each phone.

It does not import the rest of this service.
"""

from otp_service.simulator.settings import SimulatorSettings
from otp_service.simulator.simulator import Simulator, running

__all__ = ["Simulator", "SimulatorSettings", "running"]
