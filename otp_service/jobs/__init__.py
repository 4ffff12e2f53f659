"""Background jobs, run by Huey. Huey's queue only says when to run a job; the database says what there is to do."""

from otp_service.jobs.schedule import JOBS, Job
from otp_service.jobs.wakeup import WorkerWakeup

__all__ = ["JOBS", "Job", "WorkerWakeup"]
