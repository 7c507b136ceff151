"""The watcher of one folder: its turn, its eyes, its requests, and the reasons for which it ends."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from pgdex.indexer.embedding import EmbedderError
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus, StartedJob
from pgdex.jobs.database.outages import READ_ONLY, Backoff, Meaning, meaning_of
from pgdex.jobs.database.sessions import takes_writes
from pgdex.jobs.errors import DatabaseUnavailable, NotAllowed, PgdexError
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings
from pgdex.jobs.watching.eyes import GONE_SECONDS, Eyes
from pgdex.jobs.watching.news import Kind, News
from pgdex.jobs.watching.pending import Change, Pending
from pgdex.jobs.watching.requests import Request, Requests, requests_of
from pgdex.jobs.watching.turn import take_turn

TURN_SECONDS = 3.0
"""Between two tries to take over from another watcher, and between two looks at whether the connection still holds the
lock and the view is still wanted: one short query each."""
IDLE_SECONDS = 7 * 24 * 3600.0
"""Without a change and without a search: nobody works in the folder any more."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
REFUSED_SECONDS = 5.0
LONGEST_REFUSED_SECONDS = 300.0
"""Between two requests that are refused for the same reason (a full disk, an embedding service that is away)."""
WANTED = "select no_ignore from pgdex.views_status where project_id = %s and root = %s and ref = ''"


logger = logging.getLogger("pgdex.watch")


class Ended(Exception):
    """The watcher has no reason to go on; the message says why."""


class Watcher:
    """Keeps one folder's index current until it is stopped, or has no reason to go on.

    `run` blocks; the other methods are for other threads. `tells` is called from several threads.
    """

    def __init__(
        self,
        root: Path,
        *,
        project: str,
        settings: Settings,
        tells: Callable[[News], None],
        request: Request | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """`root` is a real path, and the folder is indexed in `project`, or asked for. `request` asks for a job, by
        default for one of the whole folder."""
        self._root = root
        self._project = project
        self._settings = settings
        self._tells = tells
        self._idle_seconds = idle_seconds
        self._stopped = threading.Event()
        self._gone = threading.Event()
        self._used_at = time.monotonic()
        self._pending = Pending()
        self._eyes: Eyes | None = None
        self._heeds_git: bool | None = None
        self._standing_by = self._away = self._says_pooler = False
        self._requests = Requests(
            self._pending,
            request or requests_of(root, project=project),
            started=self._tell_change,
            ended=self._tell_end,
        )

    def stop(self) -> None:
        """End `run`, within some seconds."""
        self._stopped.set()
        self._pending.wake()

    def touch(self) -> None:
        """Somebody searches here: the watcher is wanted."""
        self._used_at = time.monotonic()

    def run(self) -> None:
        """Watch. Tells why it ends where it was not stopped; raises nothing."""
        backoff = Backoff(first=FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        try:
            while not self._stopped.is_set():
                try:
                    self._with_a_connection(backoff)
                except (DatabaseUnavailable, psycopg.Error) as error:
                    if isinstance(error, psycopg.Error) and meaning_of(error) is Meaning.PERMANENT:
                        raise
                    self._outage(error)
                    self._stopped.wait(backoff.next())
        except Ended as ended:
            self._tell("ended", str(ended))
        except Exception as error:  # a thread that ends without a word would look like one that watches
            if not isinstance(error, PgdexError | psycopg.Error):
                logger.exception("the watcher failed", extra=fields(action="watch_failed"))
            self._tell("ended", f"It is no longer watched: {' '.join(str(error).split())}")
        finally:
            self._close_eyes()

    def _with_a_connection(self, backoff: Backoff) -> None:
        with Client.open(self._settings) as client:
            if not self._take_turn(client):
                return
            if not takes_writes(client.connection):  # a replica, or a primary that another one has taken over from
                raise DatabaseUnavailable(READ_ONLY)
            backoff.reset()
            if self._away:
                self._away = False
                self._tell("database_back", "The database is back.")
            self._watch(client)

    def _take_turn(self, client: Client) -> bool:
        """Wait until nobody else watches the folder; false where this watcher is stopped meanwhile."""
        while not self._stopped.is_set():
            turn = take_turn(client.connection, project=self._project, root=str(self._root))
            if turn is not False:
                if turn is None and not self._says_pooler:
                    self._says_pooler = True
                    self._tell(
                        "standing_by",
                        "The database is behind a connection pooler in transaction mode, so it can't be known whether "
                        "others watch the folder too. That costs a few looks at the same changes.",
                    )
                self._standing_by = False
                return True
            self._close_eyes()
            if not self._standing_by:
                self._standing_by = True
                self._tell("standing_by", "Another process watches it; this one takes over when that ends.")
            self._check_reasons()
            self._stopped.wait(TURN_SECONDS)
        return False

    def _watch(self, client: Client) -> None:
        """Look and request, with the turn. Raises Ended, psycopg.OperationalError."""
        refusals = Backoff(first=REFUSED_SECONDS, longest=LONGEST_REFUSED_SECONDS)
        was_wanted = False
        looked_at = float("-inf")
        while not self._stopped.is_set():
            if time.monotonic() - looked_at >= TURN_SECONDS:
                looked_at = time.monotonic()
                was_wanted = self._is_wanted(client, was_wanted=was_wanted)
                self._check_reasons()
            try:
                self._requests.step(client, seconds=TURN_SECONDS)
            except (DatabaseUnavailable, NotAllowed):
                raise
            except (PgdexError, EmbedderError) as error:
                self._check_gone()
                self._tell("failed", " ".join(str(error).split()))
                self._stopped.wait(refusals.next())
            else:
                if self._requests.is_waiting:
                    refusals.reset()

    def _is_wanted(self, client: Client, *, was_wanted: bool) -> bool:
        """Look at the view, and open the eyes where they are closed, or look for other files than are wanted.

        Raises Ended where the view is no longer there.
        """
        row = client.connection.execute(WANTED, [self._project, str(self._root)]).fetchone()
        if row is None and was_wanted:
            raise Ended("It was removed from the index, and is no longer watched.")
        heeds_git = row is None or not row[0]
        if heeds_git != self._heeds_git or self._eyes is None:
            self._close_eyes()
            self._heeds_git = heeds_git
            self._eyes = Eyes(
                self._root,
                max_file_bytes=self._settings.max_file_bytes,
                heeds_git=heeds_git,
                poll_seconds=self._settings.watch_poll_seconds,
                changed=self._notice,
                says=self._tell_how,
                gone=self._notice_gone,
            )
            self._eyes.open()
        return row is not None

    def _close_eyes(self) -> None:
        if self._eyes is not None:
            self._eyes.close()
            self._eyes = None

    def _notice(self, change: Change) -> None:
        self._used_at = time.monotonic()
        self._pending.add(change)

    def _notice_gone(self) -> None:
        self._gone.set()
        self._pending.wake()

    def _check_reasons(self) -> None:
        """Raises Ended where there is no reason left to watch."""
        self._check_gone()
        if time.monotonic() - self._used_at >= self._idle_seconds:
            days = self._idle_seconds / 86_400
            raise Ended(f"Nothing changed and nobody searched for {days:g} days: it is no longer watched.")

    def _check_gone(self) -> None:
        if self._gone.is_set():
            raise Ended(f"The folder has been gone for {GONE_SECONDS:.0f} seconds: it is no longer watched.")

    def _outage(self, error: Exception) -> None:
        self._requests.forget()  # events go on, but what was asked for last may not have arrived
        if not self._away:
            self._away = True
            reason = (str(error).splitlines() or ["no reason given"])[0]
            self._tell("database_away", f"The database does not answer ({reason}). Waiting for it …")
        self._check_reasons()

    def _tell(self, kind: Kind, text: str, **data: object) -> None:
        self._tells(News(kind, str(self._root), text, {"project_id": self._project, **data}))

    def _tell_how(self, how: str, why: str) -> None:
        if how == "events":
            self._tell("watching", "Watched: changes are indexed as they happen.", how=how)
            return
        seconds = self._settings.watch_poll_seconds
        self._tell(
            "watching",
            f"Watched by checking it every {seconds:g} seconds, or less often if that takes long: {why}.",
            how=how,
            why=why,
        )

    def _tell_change(self, change: Change, job: StartedJob) -> None:
        paths = None if change.paths is None else sorted(change.paths)
        self._tell("changed", f"{change}: indexing …", job_id=str(job.job_id), paths=paths)

    def _tell_end(self, job: JobStatus, seconds: float) -> None:
        data = {"job_id": str(job.job_id), "status": job.status, "seconds": round(seconds, 3)}
        if job.status == "completed":
            what = f"{job.files_indexed:,} indexed, {job.files_deleted:,} removed" if _did(job) else "nothing new"
            self._tell("completed", f"Done in {seconds:.1f} s: {what}.", **data)
        else:
            why = f": {' '.join(job.error_message.split())}" if job.error_message else ""
            verb = "was cancelled" if job.status == "cancelled" else "failed"
            self._tell("failed", f"The job {verb}{why}", **data)


def _did(job: JobStatus) -> bool:
    return bool(job.files_indexed or job.files_deleted)
