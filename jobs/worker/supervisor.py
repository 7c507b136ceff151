"""Keeping a number of worker processes running on this machine."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from pgdex.jobs.database.outages import Backoff
from pgdex.jobs.database.schema_watch import LEFT_BEHIND
from pgdex.jobs.logging import fields

# -P: the folder that a user stands in may hold a package `jobs` of its own.
WORKER_COMMAND = (sys.executable, "-P", "-m", "procrastinate", "--app=pgdex.app", "worker")
LONGEST_DELAY_SECONDS = 10.0
HEALTHY_SECONDS = 30.0  # a process that ran this long starts with a short delay again
STOP_SECONDS = 10.0  # after SIGTERM; a worker needs 5 to put its batches back
LEFT_BEHIND_SECONDS = 60.0  # until a process looks again whether this machine has the pgdex that the schema needs
POLL_SECONDS = 0.1
IDLE_POLL_SECONDS = 1.0
UNDEAD_SECONDS = 1.0  # ended, but not gone: a thread of it waits for a file system that never answers
KILLED_SECONDS = 5.0  # after SIGKILL; one that waits like that is gone when its file system answers

logger = logging.getLogger("pgdex.supervisor")


@dataclass(slots=True)
class Place:
    """Where one worker process runs, and after it ended the next."""

    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    undead_since: float | None = None
    start_at: float = field(default_factory=time.monotonic)
    pauses: Backoff = field(default_factory=lambda: Backoff(longest=LONGEST_DELAY_SECONDS))


class Supervisor:
    """Keeps `processes` worker processes, each of `slots` batches at once, running until it is told to stop."""

    def __init__(self, *, processes: int, slots: int, folder: Path) -> None:
        if processes < 1:
            raise ValueError(f"processes must be at least 1, got {processes}")
        if slots < 1:
            raise ValueError(f"slots must be at least 1, got {slots}")
        self._command = (*WORKER_COMMAND, "--concurrency", str(slots))
        self._places = [Place() for _ in range(processes)]
        self._folder = folder
        self._stopping = False
        self._left_behind = False

    @property
    def was_left_behind(self) -> bool:
        """Whether its latest worker to end did so because the database's schema is not this pgdex's."""
        return self._left_behind

    @property
    def was_stopped(self) -> bool:
        """Whether someone called `stop`."""
        return self._stopping

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End the workers and return from `run`; safe in a signal handler."""
        self._stopping = True

    def run(self, *, is_idle: Callable[[], bool] = lambda: False) -> None:
        """Start the workers and restart each that ends, whatever its exit code, until `stop` or `is_idle()`."""
        looked_at = time.monotonic()
        try:
            while not self._stopping:
                for place in self._places:
                    self._tend(place)
                if time.monotonic() - looked_at >= IDLE_POLL_SECONDS:
                    looked_at = time.monotonic()
                    if is_idle():
                        return
                time.sleep(POLL_SECONDS)
        finally:
            self._end_all()

    def _tend(self, place: Place) -> None:
        now = time.monotonic()
        if place.process is not None and (place.process.poll() is not None or _is_undead(place, now)):
            code = place.process.returncode
            place.process = place.undead_since = None
            if now - place.started_at >= HEALTHY_SECONDS:
                place.pauses.reset()
            pause = place.pauses.next()
            self._left_behind = code == LEFT_BEHIND
            if self._left_behind:
                pause = LEFT_BEHIND_SECONDS
                logger.error(
                    "the database's schema is not the one of this pgdex: no worker starts here for %.0f s. Update "
                    "pgdex on this machine (or run `pgdex db upgrade`, if it is the newer one); jobs wait meanwhile",
                    pause,
                    extra=fields(action="schema_changed"),
                )
            else:
                logger.warning("a worker ended with code %s; the next starts in %.1f s", code, pause)
            place.start_at = now + pause
        if place.process is None and now >= place.start_at:
            # procrastinate reads its options from variables too: those of another application of the user's.
            environment = {name: value for name, value in os.environ.items() if not name.startswith("PROCRASTINATE_")}
            environment["PGDEX_SUPERVISOR_PID"] = str(os.getpid())
            place.process = subprocess.Popen(self._command, cwd=self._folder, env=environment, stdin=subprocess.DEVNULL)
            place.started_at = now

    def _end_all(self) -> None:
        running = [place.process for place in self._places if place.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                try:
                    process.wait(KILLED_SECONDS)
                except subprocess.TimeoutExpired:
                    logger.warning("worker %s does not end: its file system does not answer", process.pid)


def _is_undead(place: Place, now: float) -> bool:
    """Whether the process has ended and can't be waited for yet: the system does not let go of a thread that waits for
    a file system (NFS, FUSE). Nothing works there any more, so its place is free for another."""
    assert place.process is not None, "an empty place has no process"
    try:
        state = Path(f"/proc/{place.process.pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):  # not Linux, or gone by now
        state = ""
    if state != "Z":
        place.undead_since = None
        return False
    if place.undead_since is None:
        place.undead_since = now
    return now - place.undead_since >= UNDEAD_SECONDS
