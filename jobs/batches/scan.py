"""The scan of a job: the walk goes into a temporary table, and one SQL function plans the work from it."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pgdex.indexer.embedding import Embedder
from pgdex.indexer.format import INDEX_FORMAT
from pgdex.indexer.sources import FoundFile, GitTree, LeftOut, OpenedRoot, Witness, WitnessNotes, walk
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.batches.family import joined
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.disk_space import require_disk_space
from pgdex.jobs.database.sessions import holds_session, one_session
from pgdex.jobs.embedders import embedder_of_job
from pgdex.jobs.ignored import as_json, nothing_found

WALK_BLOCK = 5_000  # files between two looks at the abort flag and two progress reports
BATCH_BYTES = 4 << 20  # a worker holds one batch's text and vectors in memory
# How long a job that rewrites much waits for the vector index to go, where someone (a dump) has the table open: an
# index is there from 50,000 chunks on, and a tenth of their rows costs as long when they go into it.
DROP_SECONDS = 20.0
DROP_PAUSE_SECONDS = 1.0
# About a chunk for each 900 bytes of source, and one at least for each file (see ensure_chunk_partition).
CHOOSE_TABLE = """
    select pgdex.ensure_chunk_partition(%s, greatest(count(*), sum(size) / 900)::bigint, %s)
    from pg_temp.found_files where skip_reason is null
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


def scan_repository(claim: Claim) -> None:
    """Walk the tree and plan the job. Memory stays flat: blocks of files go to the database as they are found."""
    started = time.perf_counter()
    with claim.opened_root(for_listing=True) as root:
        with claim.folder_in_progress():
            git = GitTree.of(root)
        with claim.pool.connection() as connection:
            claim = joined(claim, connection, root, git)
        embedder = embedder_of_job(claim.embedder, allowed=claim.embedder_allowed, aborted=claim.aborted)
        notes = WitnessNotes()
        left_out = LeftOut()
        with claim.pool.connection() as connection, one_session(connection):
            if not holds_session(connection):
                connection.execute(PATIENCE)
            connection.execute("drop table if exists pg_temp.found_files")
            connection.execute(FOUND_FILES)
            heeds_git, is_new = _what_is_known(connection, claim.view_id)
            total = 0
            for block in _blocks(claim, root, notes, left_out, git, heeds_git=heeds_git):
                claim.stop_if_aborted()
                _store(connection, block)
                total += len(block)
                claim.report("scanning", found=total)
            claim.stop_if_aborted()
            is_whole = claim.only_paths is None
            if not total and is_whole and others_may_see_more(claim):
                connection.execute("drop table pg_temp.found_files")
                return
            with claim.folder_in_progress():
                if not total and is_whole and (is_new or left_out.entries):
                    raise nothing_found(root, left_out, heeds_git=heeds_git, is_new=is_new)
                seen = Seen(
                    notes.witness(root) if is_whole else None,
                    claim.witness.unmounted(root),
                    is_known=claim.witness.is_of(root),
                )
            connection.execute("analyze pg_temp.found_files")
            connection.execute(CHOOSE_TABLE, [claim.repository_id, claim.settings.largest_shared_chunks])
            _drop_vector_index(claim, connection, embedder, found=total)
            with connection.transaction():
                _plan(claim, connection, embedder, seen, seconds=time.perf_counter() - started)
                if is_whole:
                    ignored = as_json(root, left_out, heeds_git=heeds_git)
                    connection.execute("select pgdex.note_ignored(%s, %s)", [claim.job_id, ignored])
            connection.execute("drop table pg_temp.found_files")
            if holds_session(connection):
                # Once more: what was planned may have to write more than the look before it said. From now on workers
                # try.
                connection.execute(DROP_UNWANTED, [claim.repository_id])


@dataclass(frozen=True, slots=True)
class Seen:
    """What the scan saw of the tree as a whole: its witness (None where it looked at some paths only), the folders
    below it that are mount points no more, and whether the root looks like the one of the last scan."""

    witness: Witness | None
    unmounted: list[str]
    is_known: bool


def _plan(claim: Claim, connection: Connection, embedder: Embedder, seen: Seen, *, seconds: float) -> None:
    """Plan the job from pg_temp.found_files; `seconds` were spent before. Raises NotEnoughDiskSpace."""
    connection.execute(
        "select pgdex.plan_job(%s, %s, %s, %s, %s, %s, %s, %s::smallint, %s, %s, %s)",
        [
            claim.job_id,
            claim.attempt,
            embedder.name,
            embedder.dimension,
            claim.settings.batch_files,
            BATCH_BYTES,
            seconds,
            INDEX_FORMAT,
            None if seen.witness is None else json.dumps(seen.witness.to_json()),
            seen.unmounted,
            seen.is_known,
        ],
    )
    planned = connection.execute("select bytes_total from pgdex.indexing_jobs where id = %s", [claim.job_id])
    for (source_bytes,) in planned:
        require_disk_space(claim.settings, source_bytes=source_bytes, dimension=embedder.dimension)


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


def others_may_see_more(claim: Claim) -> bool:
    """Leave an empty folder to workers that have not seen it yet: a share that is not mounted looks like this."""
    reason = f"{claim.repo_path} is empty"
    return claim.leave_to_others(reason, kind="FolderEmptied", fails=False) != "alone"


def _what_is_known(connection: Connection, view_id: int) -> tuple[bool, bool]:
    """Whether git's ignore rules count for the view, and whether no file of it is known yet."""
    row = connection.execute(
        "select not v.no_ignore, not exists (select from pgdex.view_files e where e.view_id = v.id)"
        " from pgdex.views v where v.id = %s",
        [view_id],
    ).fetchone()
    return (True, False) if row is None else (bool(row[0]), bool(row[1]))


def _blocks(
    claim: Claim,
    root: OpenedRoot,
    notes: WitnessNotes,
    left_out: LeftOut,
    git: GitTree | None,
    *,
    heeds_git: bool,
) -> Iterator[list[FoundFile]]:
    """The walk in blocks. The file system is watched while one is filled, and not while the database takes it."""
    with claim.folder_in_progress():
        found = walk(
            root,
            max_file_bytes=claim.settings.max_file_bytes,
            aborted=claim.aborted,
            entering=claim.entered,
            notes=notes,
            heeds_git=heeds_git,
            left_out=left_out,
            git=git,
            only=claim.only_paths,
        )
    while True:
        with claim.folder_in_progress():
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
                    file.ctime_ns,
                    file.inode,
                    file.blob_id,
                    file.skip_reason and file.skip_reason.value,
                    file.detail,
                )
            )
