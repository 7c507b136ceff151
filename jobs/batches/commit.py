"""Committing a batch: its rows in one transaction, without the file, if there is one, that the database refuses."""

import json
import logging
import struct
import time
from collections import Counter
from dataclasses import replace

import psycopg

from pgdex.indexer.chunked_files import skip_failed
from pgdex.indexer.pipeline import Rows
from pgdex.indexer.stopwatch import Stopwatch
from pgdex.indexer.storage import ChunkTableMissing, write_files
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.outages import until_back

# Of a value and not of the moment: data exceptions, limits of a row or an index, a broken check.
OF_A_VALUE = ("22", "54", "23514")

logger = logging.getLogger("pgdex.worker")


def commit_batch(claim: Claim, rows: Rows, watch: Stopwatch) -> None:
    """Write and complete the batch. What was read, chunked and embedded is not thrown away because the database
    restarts: where the broken commit had counted after all, or a peer has taken over, the fence refuses the second
    one."""
    started = time.perf_counter()

    def commit() -> None:
        with claim.pool.connection() as connection, connection.transaction():
            _commit(connection, claim, rows, watch, started)

    def commit_what_can_be() -> None:
        nonlocal rows
        try:
            commit()
        except (psycopg.Error, ValueError, struct.error) as error:
            if not _is_of_a_value(error):
                raise
            rows = _without_refused(claim, rows, error)
            commit()

    until_back(commit_what_can_be, stop=claim.stop_if_aborted, what="commit of a batch")


def _commit(connection: Connection, claim: Claim, rows: Rows, watch: Stopwatch, started: float) -> None:
    chunks = _write(connection, claim, rows)
    watch.seconds["writing"] = time.perf_counter() - started
    connection.execute(
        "select pgdex.complete_batch(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            claim.job_id,
            claim.seq,
            claim.attempt,
            len(rows.indexed),
            len(rows.skipped),
            len(rows.unchanged) + len(rows.kept),
            chunks,
            json.dumps(watch.seconds),
            json.dumps(Counter(file.reason for file in rows.kept)),
        ],
    )


def _write(connection: Connection, claim: Claim, rows: Rows) -> int:
    assert claim.model_id is not None, "plan_job sets the model"
    return write_files(
        connection,
        repository_id=claim.repository_id,
        view_id=claim.view_id,
        model_id=claim.model_id,
        indexed=rows.indexed,
        skipped=rows.skipped,
        unchanged=rows.unchanged,
        force=claim.embed_all,
    )


def _without_refused(claim: Claim, rows: Rows, error: Exception) -> Rows:
    """The batch with the files that can't be stored left out: each one is tried alone. Raises `error` where all can."""
    refused: dict[str, Exception] = {}
    with claim.pool.connection() as connection:
        for file in rows.indexed:
            claim.stop_if_aborted()
            try:
                with connection.transaction(force_rollback=True):
                    _write(connection, claim, Rows(indexed=[file]))
            except (psycopg.Error, ValueError, struct.error) as refusal:
                if not _is_of_a_value(refusal):
                    raise
                refused[file.path] = refusal
    if not refused:
        raise error
    return replace(
        rows,
        indexed=[file for file in rows.indexed if file.path not in refused],
        skipped=[*rows.skipped, *(skip_failed(path, refusal) for path, refusal in refused.items())],
    )


def _is_of_a_value(error: Exception) -> bool:
    if isinstance(error, ChunkTableMissing):
        return False
    return not isinstance(error, psycopg.Error) or (error.sqlstate or "").startswith(OF_A_VALUE)
