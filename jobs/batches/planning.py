"""What every scan does with what it found: the list goes into a temporary table, and one SQL function plans from it."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pgdex.indexer.embedding import Embedder
from pgdex.indexer.format import INDEX_FORMAT
from pgdex.indexer.sources import FoundFile, Witness
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.disk_space import require_disk_space
from pgdex.jobs.database.sessions import holds_session, one_session

BATCH_BYTES = 4 << 20  # a worker holds one batch's text and vectors in memory
# How long a job that rewrites much waits for the vector index to go, where someone (a dump) has the table open: an
# index is there from 50,000 chunks on, and a tenth of their rows costs as long when they go into it.
DROP_SECONDS = 20.0
DROP_PAUSE_SECONDS = 1.0
# About a chunk for each 900 bytes of source, and one at least for each file (see ensure_chunk_partition). Of a document
# or a notebook no more is indexed than of any other file, however large it is.
CHOOSE_TABLE = """
    select pgdex.ensure_chunk_partition(%s, greatest(count(*), sum(least(size, %s)) / 900)::bigint, %s)
    from pg_temp.found_files where skip_reason is null
"""
PLANNED_BYTES = """
    select case
        when exists (select from pg_temp.found_files where size > %(most)s and skip_reason is null) then (
            select coalesce(sum(least(f.size, %(most)s)), 0)::bigint
            from pgdex.job_batches b
            cross join lateral unnest(b.paths) as planned (path)
            join pg_temp.found_files f on f.path = planned.path
            where b.job_id = j.id and b.kind = 'index'
        )
        else j.bytes_total
    end
    from pgdex.indexing_jobs j where j.id = %(job)s
"""

# Where the scan is one transaction (see one_session): a slow file system may take a while for a block.
PATIENCE = "set local idle_in_transaction_session_timeout = '15min'"
REWRITES = "select pgdex.rewrites_vector_index(%s, %s, %s, %s::smallint)"
DROP = "select pgdex.drop_vector_indexes(%s, null)"
DROP_UNWANTED = "select pgdex.drop_unwanted_vector_indexes(%s)"
FOUND_FILES = """
    create temporary table found_files (
        path text collate "C" not null, size bigint, mtime_ns bigint, ctime_ns bigint, inode bigint, blob_id bytea,
        skip_reason text, skip_detail text
    )
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the scan saw of the tree as a whole: its witness (None where it looked at some paths only), the folders
    below it that are mount points no more, and whether the root looks like the one of the last scan."""

    witness: Witness | None = None
    unmounted: Sequence[str] = ()
    is_known: bool = True


class Planning:
    """The list of found files of one scan, in the session of its connection."""

    def __init__(self, claim: Claim, connection: Connection) -> None:
        self.connection = connection
        self.total = 0
        self._claim = claim

    def add(self, block: Sequence[FoundFile]) -> None:
        """More of the files that were found. Raises JobAborted."""
        self._claim.stop_if_aborted()
        with self.connection.cursor().copy("copy pg_temp.found_files from stdin") as copy:
            for file in block:
                copy.write_row(
                    (
                        file.path,
                        file.size,
                        file.mtime_ns,
                        file.ctime_ns,
                        file.inode,
                        file.blob_id,
                        file.skip_reason and file.skip_reason.value,
                        file.detail,
                    )
                )
        self.total += len(block)
        self._claim.report("scanning", found=self.total)
        self._claim.stop_if_aborted()

    def plan(self, embedder: Embedder, seen: Seen, *, ignored: str | None, started: float) -> None:
        """Plan the job from what was added. `ignored` is noted with it; `started` is when the scan was begun, on the
        clock of time.perf_counter. Raises NotEnoughDiskSpace."""
        claim, connection = self._claim, self.connection
        most = claim.settings.max_file_bytes
        connection.execute("analyze pg_temp.found_files")
        connection.execute(CHOOSE_TABLE, [claim.repository_id, most, claim.settings.largest_shared_chunks])
        _drop_vector_index(claim, connection, embedder, found=self.total)
        with connection.transaction():
            connection.execute(
                "select pgdex.plan_job(%s, %s, %s, %s, %s, %s, %s, %s::smallint, %s, %s, %s)",
                [
                    claim.job_id,
                    claim.attempt,
                    embedder.name,
                    embedder.dimension,
                    claim.settings.batch_files,
                    BATCH_BYTES,
                    time.perf_counter() - started,
                    INDEX_FORMAT,
                    None if seen.witness is None else json.dumps(seen.witness.to_json()),
                    list(seen.unmounted),
                    seen.is_known,
                ],
            )
            planned = connection.execute(PLANNED_BYTES, {"most": most, "job": claim.job_id})
            for (source_bytes,) in planned:
                require_disk_space(claim.settings, source_bytes=source_bytes, dimension=embedder.dimension)
            if ignored is not None:
                connection.execute("select pgdex.note_ignored(%s, %s)", [claim.job_id, ignored])
        if holds_session(connection):
            # Once more: what was planned may have to write more than the look before it said. From now on workers try.
            connection.execute(DROP_UNWANTED, [claim.repository_id])


@contextmanager
def planning(claim: Claim) -> Iterator[Planning]:
    """A connection with an empty list of found files, which is gone after the block."""
    with claim.pool.connection() as connection, one_session(connection):
        if not holds_session(connection):
            connection.execute(PATIENCE)
        connection.execute("drop table if exists pg_temp.found_files")
        connection.execute(FOUND_FILES)
        yield Planning(claim, connection)
        connection.execute("drop table pg_temp.found_files")


def _drop_vector_index(claim: Claim, connection: Connection, embedder: Embedder, *, found: int) -> None:
    """Before a job that writes much of a repository with a vector index. Not in the job's transaction: neither a cancel
    nor a search waits for whoever has the table open, and this job only for some seconds. Where the
    scan is one transaction, dropping is left to the workers' later tries."""
    if not holds_session(connection):
        return
    rewrites = connection.execute(REWRITES, [claim.job_id, embedder.name, embedder.dimension, INDEX_FORMAT]).fetchone()
    if not rewrites or not rewrites[0]:
        return
    end = time.monotonic() + DROP_SECONDS
    while True:
        done = connection.execute(DROP, [claim.repository_id]).fetchone()
        if (done and done[0]) or time.monotonic() > end:
            return
        claim.report("scanning", found=found)
        pause = time.monotonic() + DROP_PAUSE_SECONDS
        while time.monotonic() < pause:
            claim.stop_if_aborted()
            time.sleep(0.05)
