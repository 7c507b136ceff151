"""What a job will need, before it starts."""

import time
from dataclasses import dataclass
from pathlib import Path

from pgdex.indexer.sources import WalkAborted, walk
from pgdex.jobs.client.workers import living_workers
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.settings import SERVICES, Settings

COUNTING_SECONDS = 0.3
OVERHEAD_SECONDS = 0.5  # the scan, the finish, and a worker that has to hear of it
# What one worker does in a second. `hashing` and `code` are measured: 203 MB of Python and YAML in 36.7 and 37.9 s with
# two (docs/benchmarks.md). `static` follows: a table of 20,000 word pieces and 256 numbers took 2.1 times the processor
# time of `hashing` for the same 8 MB (its numbers were random, which changes nothing for the speed). `fastembed` is
# what MiniLM of six layers does: 1,200 bytes in 63 ms of processor time; twelve layers take twice that. The services
# are guesses: 60 texts of 1,000 bytes a second from a small model on a laptop, 200 from a hosted one, whatever the
# number of workers. This database's own history replaces all of them after its first job.
BYTES_A_SECOND = {
    "code": 2_700_000,
    "hashing": 2_800_000,
    "static": 1_200_000,
    "fastembed": 19_000,
    "ollama": 60_000,
    "openai": 200_000,
}
# Jobs that were over in a moment tell of the overhead, not of the rate. Of a history of a million jobs the latest two
# hundred are looked at.
HISTORY = """
    select percentile_cont(0.5) within group (order by rate)
    from (
        select bytes_done / nullif(extract(epoch from completed_at - started_at)::float8 - 0.5, 0) as rate
        from (
            select * from pgdex.indexing_jobs where status = 'completed' order by created_at desc, id limit 200
        ) as latest
        where (embedder = %(spec)s or starts_with(embedder, %(spec)s || ':'))
            and completed_at - started_at > interval '2 seconds' and bytes_done > 500000
        order by created_at desc limit 10
    ) as rates
"""


@dataclass(frozen=True, slots=True)
class TreeSize:
    """The files of a tree that are worth indexing, by their names and sizes alone."""

    files: int
    bytes: int
    is_whole: bool
    """False where there was no time to count all: the tree is larger."""


def tree_size(root: Path, *, max_file_bytes: int, within_seconds: float, heeds_git: bool = True) -> TreeSize:
    """Count for `within_seconds` at most, so that a job's id comes at once however large the tree is.

    Raises RootUnavailable.
    """
    end = time.monotonic() + within_seconds
    files = total = 0
    try:
        for file in walk(
            root, max_file_bytes=max_file_bytes, aborted=lambda: time.monotonic() > end, heeds_git=heeds_git
        ):
            if file.skip_reason is None:
                files += 1
                total += file.size
    except WalkAborted:
        return TreeSize(files, total, is_whole=False)
    return TreeSize(files, total, is_whole=True)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a job will take, and how that is known."""

    seconds: float
    from_history: bool
    """Whether jobs of this database told, or a rate that was measured elsewhere."""
    at_least: bool
    """Whether the tree was too large to be counted to its end."""


def estimated_duration(connection: Connection, size: TreeSize, *, embedder: str, workers: int) -> Duration:
    """The time that indexing every file of a tree will take, from its start.

    From the bytes a second of this database's latest jobs with the same embedder that had something to do, the median
    of them; where there are none, from what one worker does with the kind of embedder. Unchanged files of a repository
    that is indexed already make it shorter.
    """
    row = connection.execute(HISTORY, {"spec": embedder}).fetchone()
    if row is not None and row[0] is not None:
        return Duration(OVERHEAD_SECONDS + size.bytes / row[0], from_history=True, at_least=not size.is_whole)
    kind = embedder.partition(":")[0]
    rate = BYTES_A_SECOND.get(kind, BYTES_A_SECOND["ollama"])
    if kind not in SERVICES:
        rate *= max(1, workers)
    return Duration(OVERHEAD_SECONDS + size.bytes / rate, from_history=False, at_least=not size.is_whole)


def estimate_of(connection: Connection, settings: Settings, root: Path, *, project: str, embedder: str) -> Duration:
    """How long a job that indexes everything in `root` will take; less where most of it is unchanged.

    Counts the tree for COUNTING_SECONDS at most. Raises RootUnavailable.
    """
    row = connection.execute(
        "select no_ignore from pgdex.views where project_id = %s and root = %s and ref = '' and removed_at is null",
        [project, str(root)],
    ).fetchone()
    size = tree_size(
        root,
        max_file_bytes=settings.max_file_bytes,
        within_seconds=COUNTING_SECONDS,
        heeds_git=row is None or not row[0],
    )
    workers = len(living_workers(connection)) or settings.worker_processes  # those that are started for it
    return estimated_duration(connection, size, embedder=embedder, workers=workers)
