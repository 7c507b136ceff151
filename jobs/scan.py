"""The scan of a job: the walk goes into a temporary table, and one SQL function plans the work from it."""

import time
from collections.abc import Iterator
from itertools import islice

from indexer.sources import FoundFile, LeftOut, walk
from jobs.claims import Claim
from jobs.database import Connection
from jobs.embedders import embedder_for
from jobs.ignored import as_json, nothing_found
from jobs.room import require_room

WALK_BLOCK = 5_000  # files between two looks at the abort flag and two progress reports
BATCH_BYTES = 4 << 20  # a worker holds one batch's text and vectors in memory

FOUND_FILES = """
    create temporary table found_files (
        path text collate "C" not null, size bigint, mtime_ns bigint, skip_reason text, skip_detail text
    )
"""


def scan_repository(claim: Claim) -> None:
    """Walk the tree and plan the job. Memory stays flat: blocks of files go to the database as they are found."""
    started = time.perf_counter()
    root = claim.root()
    embedder = embedder_for(claim.embedder or claim.settings.embedder, aborted=claim.aborted)
    with claim.pool.connection() as connection:
        connection.execute("drop table if exists pg_temp.found_files")
        connection.execute(FOUND_FILES)
        heeds_git, is_new = _what_is_known(connection, claim.repository_id)
        left_out = LeftOut()
        found = iter(
            walk(
                root,
                max_file_bytes=claim.settings.max_file_bytes,
                aborted=claim.aborted,
                heeds_git=heeds_git,
                left_out=left_out,
            )
        )
        total = 0
        for block in _blocks(found):
            claim.stop_if_aborted()
            _store(connection, block)
            total += len(block)
            claim.report("scanning", found=total)
        claim.stop_if_aborted()
        if not total and (is_new or left_out.entries):
            raise nothing_found(root, left_out, heeds_git=heeds_git, is_new=is_new)
        connection.execute("analyze pg_temp.found_files")
        with connection.transaction():
            connection.execute("select pgdex.ensure_chunk_partition(%s)", [claim.repository_id])
            connection.execute(
                "select pgdex.plan_job(%s, %s, %s, %s, %s, %s, %s)",
                [
                    claim.job_id,
                    claim.attempt,
                    embedder.name,
                    embedder.dimension,
                    claim.settings.batch_files,
                    BATCH_BYTES,
                    time.perf_counter() - started,
                ],
            )
            connection.execute(
                "select pgdex.note_ignored(%s, %s)", [claim.job_id, as_json(root, left_out, heeds_git=heeds_git)]
            )
            planned = connection.execute("select bytes_total from pgdex.indexing_jobs where id = %s", [claim.job_id])
            for (source_bytes,) in planned:
                require_room(claim.settings, source_bytes=source_bytes, dimension=embedder.dimension)
        connection.execute("drop table pg_temp.found_files")


def _what_is_known(connection: Connection, repository_id: int) -> tuple[bool, bool]:
    """Whether git's ignore rules count for the repository, and whether no file of it is known yet."""
    row = connection.execute(
        "select not r.no_ignore, not exists (select from pgdex.files f where f.repository_id = r.id)"
        " from pgdex.repositories r where r.id = %s",
        [repository_id],
    ).fetchone()
    return (True, False) if row is None else (bool(row[0]), bool(row[1]))


def _blocks(found: Iterator[FoundFile]) -> Iterator[list[FoundFile]]:
    while block := list(islice(found, WALK_BLOCK)):
        yield block


def _store(connection: Connection, block: list[FoundFile]) -> None:
    with connection.cursor().copy("copy pg_temp.found_files from stdin") as copy:
        for file in block:
            copy.write_row(
                (
                    file.path,
                    file.size,
                    file.mtime_ns,
                    file.skip_reason and file.skip_reason.value,
                    file.detail,
                )
            )
