"""The finish of a job: indexes that search needs, removal of what is gone from the tree, and the summary."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from procrastinate.exceptions import JobAborted

from jobs.claims import Claim
from jobs.database import Connection

ABORT_POLL_SECONDS = 0.1


def finish_job(claim: Claim) -> None:
    """Complete the job. Indexes of a large repository take seconds: a cancelled job interrupts them at once."""
    started = time.perf_counter()
    with claim.pool.connection() as connection:
        try:
            with _interrupted_when(claim.aborted, connection):
                connection.execute("select pgdex.build_indexes(%s)", [claim.repository_id])
        except psycopg.errors.QueryCanceled:
            claim.stop_if_aborted()
            raise
        claim.stop_if_aborted()
        if claim.file_ids:
            _look_again(claim)
        seconds = {"finishing": time.perf_counter() - started}
        with connection.transaction():
            connection.execute(
                "select pgdex.complete_job(%s, %s, %s, %s)",
                [claim.job_id, claim.seq, claim.attempt, json.dumps(seconds)],
            )


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
