"""Keeping the repository that a client works in current: the stdio server watches it by itself."""

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.logging import fields

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.settings import Settings
    from pgdex.jobs.watching import News, Watcher

logger = logging.getLogger("pgdex.mcp")

PROBLEMS = ("failed", "database_away", "ended")


class WatchedFolder:
    """Watches at most one repository for one server: the innermost one that is indexed and contains `folder`, where the
    client started the server. Nothing is watched without a folder (over HTTP), or with PGDEX_WATCH=off."""

    def __init__(self, settings: "Settings", *, folder: Path | None) -> None:
        self._settings = settings
        self._folder = folder if settings.watch else None
        self._lock = threading.Lock()
        self._watcher: Watcher | None = None
        self._closed = False

    def look(self, client: "Client", *, project: str, is_asked_for: bool = False) -> None:
        """Begin to watch where the folder's repository is indexed, or its first indexing `is_asked_for`, and nothing is
        watched yet. One short query."""
        if self._folder is None or self._watcher is not None:
            return
        from pgdex.jobs.client.views import innermost_view
        from pgdex.jobs.repository_path import real_path

        try:
            folder = real_path(self._folder)
        except (OSError, ValueError, RuntimeError):
            return  # no repository has a folder like that
        around = [str(folder), *map(str, folder.parents)]
        found = innermost_view(client.connection, around, project=project)
        if found is not None and (is_asked_for or found.last_indexed_at is not None):
            self._watch(Path(found.root), project=project)

    def touch(self) -> None:
        """The client searches: it is still there."""
        if self._watcher is not None:
            self._watcher.touch()

    def close(self) -> None:
        """Stop watching."""
        with self._lock:
            self._closed = True
            if self._watcher is not None:
                self._watcher.stop()

    def _watch(self, root: Path, *, project: str) -> None:
        from pgdex.jobs.watching import Watcher

        with self._lock:
            if self._watcher is not None or self._closed:
                return
            self._watcher = Watcher(root, project=project, settings=self._settings, tells=_log)
            # A daemon, since it may wait for a file system; what it holds in the database ends with its connection.
            threading.Thread(target=self._run, args=[self._watcher], name="pgdex-watcher", daemon=True).start()

    def _run(self, watcher: "Watcher") -> None:
        watcher.run()
        with self._lock:
            self._watcher = None  # a folder that is indexed again later is watched again


def _log(news: "News") -> None:
    level = logging.WARNING if news.kind in PROBLEMS or news.data.get("how") == "polling" else logging.INFO
    logger.log(level, f"{news.root}: {news.text}", extra=fields(action=f"watch_{news.kind}", job_id=_job(news)))


def _job(news: "News") -> str | None:
    job_id = news.data.get("job_id")
    return str(job_id) if job_id is not None else None
