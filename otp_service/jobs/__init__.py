"""What is done in the background, by Huey: when, not what; that is in the database."""

from otp_service.jobs.periodic import JOBS, Job
from otp_service.jobs.waking import init_waking

__all__ = ["JOBS", "Job", "init_waking"]
