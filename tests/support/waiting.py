"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from uuid import UUID

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from tests.support.workers import DEADLINE_SECONDS, Workers


def wait_for(condition: Callable[[], object], *, what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Poll until `condition()` is true. AssertionError with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)


def wait_for_end(client: Client, job_id: UUID, *, workers: Workers) -> JobStatus:
    """The job's status once it is final; with the workers' logs where it does not end."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (status := client.status(job_id)).is_final:
        assert time.monotonic() < deadline, f"{status!r} after {DEADLINE_SECONDS} s{workers.logs()}"
        time.sleep(0.05)
    return status
