"""Background jobs: what runs, when each ran last, and the process that runs them. The database decides (ADR 12)."""

from otp_service.jobs.schedule import JOBS, Job

__all__ = ["JOBS", "Job"]
