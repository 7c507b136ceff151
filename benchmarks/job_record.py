"""What the database knows of a job that has ended: its batches over time, and where their time went."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pgdex.jobs.database.connection import Connection

WORK_PHASES = ("reading", "chunking", "embedding", "writing")
MOMENTS = """
    select extract(epoch from scanned_at - started_at)::float8, extract(epoch from completed_at - started_at)::float8
    from pgdex.indexing_jobs where id = %s and status = 'completed'
"""
BATCHES = """
    select extract(epoch from b.started_at - j.started_at)::float8,
        extract(epoch from b.completed_at - j.started_at)::float8, b.files_total, b.seconds
    from pgdex.job_batches b join pgdex.indexing_jobs j on j.id = b.job_id
    where b.job_id = %s and b.kind = 'index' order by b.completed_at
"""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch of files: when it was claimed and committed, in seconds after the job's start."""

    started: float
    completed: float
    files: int
    phases: dict[str, float]

    @property
    def work_seconds(self) -> float:
        """Reading, cutting, embedding and COPY."""
        return sum(self.phases.get(phase, 0.0) for phase in WORK_PHASES)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A completed job."""

    scanned: float
    """Seconds from its start until its batches were queued."""
    seconds: float
    batches: Sequence[BatchRecord]

    @property
    def files(self) -> int:
        """Files of all batches."""
        return sum(batch.files for batch in self.batches)

    @property
    def indexed(self) -> float:
        """When the last batch was committed."""
        return self.batches[-1].completed if self.batches else self.scanned

    @property
    def files_per_second(self) -> float:
        """Over the whole job, scan and finish included."""
        return self.files / self.seconds

    @property
    def phases(self) -> dict[str, float]:
        """Slot seconds by phase of work."""
        return {phase: sum(batch.phases.get(phase, 0.0) for batch in self.batches) for phase in WORK_PHASES}

    def overhead(self, slots: int) -> float:
        """Share of the slots' time, from the batches' queueing to the last commit, that was not spent on work."""
        available = slots * (self.indexed - self.scanned)
        return 1 - sum(batch.work_seconds for batch in self.batches) / available if available > 0 else 0.0

    def overhead_of_batches(self) -> float:
        """Share of the time between claim and commit that was not spent on work."""
        held = sum(batch.completed - batch.started for batch in self.batches)
        return 1 - sum(batch.work_seconds for batch in self.batches) / held if held else 0.0

    def shares(self, slots: int) -> dict[str, float]:
        """Percent of the slots' time over the whole job, by what it went to. Scan and finish keep all slots waiting."""
        whole = slots * self.seconds
        parts = {"scan": slots * self.scanned, **self.phases, "finish": slots * (self.seconds - self.indexed)}
        shares = {name: seconds / whole * 100 for name, seconds in parts.items()}
        return {**shares, "overhead": max(0.0, 100 - sum(shares.values()))}

    def rate_between(self, low: float, high: float) -> float:
        """Files a second between two shares of the files, 0 to 1: 0.9 to 1 are the last tenth."""
        times = [self.scanned, *(batch.completed for batch in self.batches)]
        done = [0]
        for batch in self.batches:
            done.append(done[-1] + batch.files)
        first, last = (bisect_left(done, share * self.files) for share in (low, high))
        passed = times[last] - times[first]
        return (done[last] - done[first]) / passed if passed > 0 else 0.0

    def curve(self, *, points: int = 60) -> list[tuple[float, float]]:
        """Files a second over time: (seconds, rate) of `points` equal stretches of the indexing."""
        width = (self.indexed - self.scanned) / points
        if width <= 0:
            return []
        files = [0] * points
        for batch in self.batches:
            files[min(points - 1, int((batch.completed - self.scanned) / width))] += batch.files
        return [(self.scanned + width * (number + 0.5), count / width) for number, count in enumerate(files)]


def job_record(connection: Connection, job_id: UUID) -> JobRecord:
    """Read a job's record. Raises RuntimeError where it is not completed."""
    moments = connection.execute(MOMENTS, [job_id]).fetchone()
    if moments is None:
        raise RuntimeError(f"job {job_id} is not completed")
    batches = [BatchRecord(*row) for row in connection.execute(BATCHES, [job_id])]
    return JobRecord(moments[0], moments[1], batches)
