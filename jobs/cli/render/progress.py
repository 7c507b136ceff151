"""How a job is shown while it runs: never backwards, whatever order the notifications come in."""

from dataclasses import dataclass

from pgdex.jobs.cli.render.text import printable
from pgdex.jobs.client.models import JobStatus, Status

PLAIN_SECONDS = 2.0  # between two lines where there is no terminal
WAITING_SECONDS = 30.0  # the same while nothing happens: before the start, or while the job is blocked
PHASE_ORDER = {None: 0, "fetching": 1, "scanning": 2, "chunking": 3, "embedding": 4, "writing": 5, "finishing": 6}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be seen of a job at one point in time."""

    percentage: float
    message: str
    elapsed_seconds: float


class Forward:
    """Turns the statuses of one job into what is shown, so that no figure ever sinks.

    The database keeps the percentage from sinking. Its message names the files found by a scan in progress, and starts
    again from zero when that scan passes to another worker: then the earlier message stays.
    """

    def __init__(self) -> None:
        self._shown = Shown(0.0, "", 0.0)
        self._scanning = False

    def show(self, job: JobStatus) -> Shown:
        """What is shown after `job` came in."""
        last = self._shown
        scanning = job.status == "running" and job.files_scanned == 0
        again = scanning and self._scanning and job.progress_percentage < last.percentage
        self._scanning = scanning
        self._shown = Shown(
            percentage=max(last.percentage, job.progress_percentage),
            message=last.message if again else printable(job.progress_message),
            elapsed_seconds=max(last.elapsed_seconds, job.elapsed_seconds),
        )
        return self._shown


class PlainLines:
    """Chooses which moments get a line in a log: a new status or phase at once, else every 2 s (30 s where it waits).

    Times are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self._forward = Forward()
        self._status: Status | None = None
        self._phase = 0
        self._last_line = ""
        self._written_at = float("-inf")

    def line(self, job: JobStatus, *, now: float) -> str | None:
        """The line for `job`, or None where none is due."""
        shown = self._forward.show(job)
        phase = max(self._phase, PHASE_ORDER.get(job.phase, 0))
        is_new = job.status != self._status or phase > self._phase
        self._status, self._phase = job.status, phase
        pause = PLAIN_SECONDS if job.status == "running" else WAITING_SECONDS
        line = f"{shown.percentage:5.1f} %  {shown.message}"
        if line == self._last_line or not (is_new or now - self._written_at >= pause):
            return None
        self._last_line, self._written_at = line, now
        return line
