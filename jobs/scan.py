"""The scan of a job: the walk goes into a temporary table, and one SQL function plans the work from it."""

import json
import time
from collections.abc import Iterator
from itertools import islice

from indexer.format import INDEX_FORMAT
from indexer.sources import FoundFile, OpenedRoot, WitnessNotes, walk
from jobs.claims import Claim
from jobs.database import Connection
from jobs.embedders import embedder_for
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
    with claim.opened_root(for_listing=True) as root:
        embedder = embedder_for(claim.embedder or claim.settings.embedder, aborted=claim.aborted)
        notes = WitnessNotes()
        with claim.pool.connection() as connection:
            connection.execute("drop table if exists pg_temp.found_files")
            connection.execute(FOUND_FILES)
            total = 0
            for block in _blocks(claim, root, notes):
                claim.stop_if_aborted()
                _store(connection, block)
                total += len(block)
                claim.report("scanning", found=total)
            claim.stop_if_aborted()
            if not total and others_may_see_more(claim):
                return
            with claim.folder_in_hand():
                witness = notes.witness(root)
                unmounted = claim.witness.unmounted(root)
                is_known = claim.witness.is_of(root)
            connection.execute("analyze pg_temp.found_files")
            with connection.transaction():
                connection.execute("select pgdex.ensure_chunk_partition(%s)", [claim.repository_id])
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
                        json.dumps(witness.to_json()),
                        unmounted,
                        is_known,
                    ],
                )
                planned = connection.execute(
                    "select bytes_total from pgdex.indexing_jobs where id = %s", [claim.job_id]
                )
                for (source_bytes,) in planned:
                    require_room(claim.settings, source_bytes=source_bytes, dimension=embedder.dimension)
            connection.execute("drop table pg_temp.found_files")


def others_may_see_more(claim: Claim) -> bool:
    """Leave an empty folder to workers that have not seen it yet: a share that is not mounted looks like this."""
    reason = f"{claim.repo_path} is empty"
    return claim.leave_to_others(reason, kind="FolderEmptied", fails=False) != "alone"


def _blocks(claim: Claim, root: OpenedRoot, notes: WitnessNotes) -> Iterator[list[FoundFile]]:
    """The walk in blocks. The file system is watched while one is filled, and not while the database takes it."""
    with claim.folder_in_hand():
        found = walk(
            root,
            max_file_bytes=claim.settings.max_file_bytes,
            aborted=claim.aborted,
            entering=claim.entered,
            notes=notes,
        )
    while True:
        with claim.folder_in_hand():
            block = list(islice(found, WALK_BLOCK))
        if not block:
            return
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
