"""The finish of a job: indexes that search needs, removal of what is gone from the tree, and the summary."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from procrastinate.exceptions import JobAborted

from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.logging import fields

ABORT_POLL_SECONDS = 0.1
BUILD_TRIES = 5  # of three seconds: whoever holds a lock that long is in trouble, and the job is not

logger = logging.getLogger("pgdex.worker")


def finish_job(claim: Claim) -> None:
    """Complete the job. Indexes of a large repository take seconds: a cancelled job interrupts them at once."""
    started = time.perf_counter()
    with claim.pool.connection() as connection:
        try:
            with _interrupted_when(claim.aborted, connection):
                _build_indexes(claim, connection)
        except psycopg.errors.QueryCanceled:
            claim.stop_if_aborted()
            raise
        claim.stop_if_aborted()
        if claim.paths and not claim.ref:
            _look_again(claim)
        seconds = {"finishing": time.perf_counter() - started}
        with connection.transaction():
            connection.execute(
                "select pgdex.complete_job(%s, %s, %s, %s)",
                [claim.job_id, claim.seq, claim.attempt, json.dumps(seconds)],
            )


def _build_indexes(claim: Claim, connection: Connection) -> None:
    """Without them search is slower, not wrong: the job is not held up for ever by someone else's lock."""
    for _ in range(BUILD_TRIES):
        try:
            connection.execute(
                "select pgdex.build_indexes(%s, %s, %s)",
                [claim.repository_id, claim.settings.largest_shared_chunks, claim.settings.exact_search_chunks],
            )
        except psycopg.errors.LockNotAvailable as error:
            claim.stop_if_aborted()
            logger.warning("waiting for a lock to build indexes: %s", error, extra=fields(action="indexes_wait"))
        else:
            break
    else:
        about = fields(action="indexes_missing", repository_id=claim.repository_id)
        logger.error("indexes were not built, searches are slower until the next job of the repository", extra=about)
    connection.execute("select pgdex.drop_unwanted_vector_indexes(%s)", [claim.repository_id])


def _look_again(claim: Claim) -> None:
    """Files are about to leave the index: not where the folder in which they are missing has gone itself. Raises
    RootUnavailable."""
    with claim.opened_root():
        pass


@contextmanager
def _interrupted_when(aborted: Callable[[], bool], connection: Connection) -> Iterator[None]:
    """Cancel the connection's statement as soon as `aborted` turns true."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(ABORT_POLL_SECONDS):
            if aborted():
                connection.cancel_safe()
                return

    watcher = threading.Thread(target=watch, name="abort-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    if aborted():
        raise JobAborted
