"""What a Python program can ask of pgdex: one method each."""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from pgdex.jobs.api.answers import WORDS, Removal
from pgdex.jobs.api.arguments import (
    number_from,
    one_ref,
    page_of,
    repository_filter,
    require_texts,
    require_times,
    statuses,
    text_of,
    texts,
    whole_path,
)
from pgdex.jobs.api.connections import Connections
from pgdex.jobs.api.following import Following, Workforce, completed
from pgdex.jobs.api.looking import Looking
from pgdex.jobs.api.refusals import own_errors
from pgdex.jobs.client.job_ids import parse_job_id
from pgdex.jobs.client.models import (
    CancelledJob,
    JobEvent,
    JobPage,
    JobStatus,
    RepositoryPage,
    RetriedJob,
    StartedJob,
    Status,
)
from pgdex.jobs.client.projects import resolve_project
from pgdex.jobs.errors import InvalidRequest, ModelChanged, TooBroad
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.search import Found

Tests = Literal["in", "out", "only"]
Progress = Callable[[JobStatus], object]
MOST_HITS: Final = 100

logger = logging.getLogger("pgdex.api")


class Pgdex:
    """pgdex for Python programs, as `pgdex.connect()` makes it.

    Any number of threads may use one at once. In a process that was forked it makes connections of its own. It is a
    context manager; `close` gives its connections back. Jobs continue without it.

    Every method raises a `pgdex.errors.PgdexError`, whose message says what to do: InvalidRequest for arguments that
    can't be used, DatabaseUnavailable (ServerBusy where its connections are all in use), SchemaBehind, NotAllowed. What
    else a method raises stands in its description.
    """

    def __init__(self, settings: Settings, *, start_workers: bool = True) -> None:
        self._connections = Connections(settings)
        self._workforce = Workforce(is_wanted=start_workers)
        self._looking = Looking(settings)
        self._told: set[str] = set()

    @property
    def settings(self) -> Settings:
        """What it was opened with."""
        return self._connections.settings

    def __enter__(self) -> "Pgdex":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections. Calls afterwards raise PgdexError; jobs continue."""
        self._connections.close()
        self._looking.close()

    def open(self) -> None:
        """Connect, and make a new embedded database. `pgdex.connect()` has done it already."""
        with self._client():
            pass

    def start(
        self,
        path: str | Path,
        *,
        project: str | None = None,
        name: str | None = None,
        branch: str | None = None,
        tag: str | None = None,
        commit: str | None = None,
        submodules: bool | None = None,
        force: bool = False,
        no_ignore: bool | None = None,
        allow_broad: bool = False,
    ) -> StartedJob:
        """Ask for a folder or a git address to be indexed; returns at once with the job that does it. Where the same is
        being indexed already, that is its live job (`already_running`).

        `branch`, `tag` or `commit` (a full id): what git has there, instead of the working files. `force`: every file
        again, even unchanged ones. `no_ignore`: also what git's ignore rules exclude; `submodules`: those of an address
        as well; both are remembered, and None means as before. `allow_broad`: even `/` or a home folder.

        Workers are started where none is alive, unless `connect` was told not to. Raises TooBroad, NotEnoughDiskSpace,
        ModelChanged (index it with `force`), EmbedderUnavailable.
        """
        from pgdex.jobs.client.targets import is_address, target_of

        require_texts(project=project, name=name, branch=branch, tag=tag, commit=commit)
        one_ref(branch=branch, tag=tag, commit=commit)
        place = str(path) if is_address(text_of("path", path)) else str(whole_path("path", path))
        with self._client() as client:
            project = self._project(project, folder=None if is_address(place) else Path(place))
            target = target_of(place, settings=self.settings, branch=branch, tag=tag, commit=commit)
            try:
                started = client.start(
                    target,
                    project=project,
                    name=name,
                    force=force,
                    allow_broad=allow_broad,
                    no_ignore=no_ignore,
                    submodules=submodules,
                    meanwhile=lambda: self._workforce.look(client),
                )
            except TooBroad as error:
                raise TooBroad(f"{error}. If you really mean all of it: allow_broad=True") from error
            except ModelChanged as error:
                raise ModelChanged(f"{error}. To do that: force=True. Or set PGDEX_EMBEDDER back") from error
        return started

    def index(
        self,
        path: str | Path,
        *,
        project: str | None = None,
        name: str | None = None,
        branch: str | None = None,
        tag: str | None = None,
        commit: str | None = None,
        submodules: bool | None = None,
        force: bool = False,
        no_ignore: bool | None = None,
        allow_broad: bool = False,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> JobStatus:
        """`start`, and wait until the job is completed; returns its status, with what was done.

        `progress` and `timeout` (seconds) are those of `wait`. Raises what `start` raises; JobNotCompleted where the
        job failed or was cancelled; JobTimeout. An exception of `progress` or Ctrl-C ends the call and not the job.
        """
        started = self.start(
            path,
            project=project,
            name=name,
            branch=branch,
            tag=tag,
            commit=commit,
            submodules=submodules,
            force=force,
            no_ignore=no_ignore,
            allow_broad=allow_broad,
        )
        return completed(self.wait(started.job_id, progress=progress, timeout=timeout))

    def wait(self, job_id: UUID | str, *, progress: Progress | None = None, timeout: float | None = None) -> JobStatus:
        """Wait until a job has ended; returns its last status, whichever that is.

        `progress` is called with each status: about once a second, ten times a second at most, and with the last one.
        A database that goes away is waited for, for a minute. Raises JobNotFound (also for a job whose repository was
        removed meanwhile), JobTimeout after `timeout` seconds; the job continues in any case.
        """
        with closing(self.follow(job_id, timeout=timeout)) as statuses:
            for status in statuses:
                if progress is not None:
                    progress(status)
        return status

    def follow(self, job_id: UUID | str, *, timeout: float | None = None) -> Generator[JobStatus, None, None]:
        """The statuses of a job as `wait` hands them to `progress`, ending with the final one. Raises as `wait`.

        Each iterator has a connection to the database until it ends or is closed.
        """
        with closing(self.following(job_id, timeout=timeout)) as following:
            while (status := following.next()) is not None:
                yield status

    def following(self, job_id: UUID | str, *, timeout: float | None) -> Following:
        """What `follow` looks with, which does not connect yet."""
        self._connections.require_open()
        return Following(self.settings, parse_job_id(_id(job_id)), workforce=self._workforce, timeout=timeout)

    def status(self, job_id: UUID | str) -> JobStatus:
        """How a job is now. Takes a whole id. Raises JobNotFound."""
        with self._client() as client:
            return client.status(_id(job_id))

    def events(self, job_id: UUID | str, *, after: int = 0) -> list[JobEvent]:
        """A job's history, oldest first, from the event after the one with the `event_id` `after`. Raises
        JobNotFound."""
        with self._client() as client:
            found = client.events(_id(job_id), after=number_from(0, None, after=after))
            if not found:
                client.status(job_id)
            return found

    def cancel(self, job_id: UUID | str) -> CancelledJob:
        """End a job that is pending, running or blocked; what it has indexed stays. Raises JobNotFound, JobIsFinal."""
        with self._client() as client:
            return client.cancel(_id(job_id))

    def retry(self, job_id: UUID | str) -> RetriedJob:
        """Ask again for what a failed or cancelled job was to do. Raises JobNotFound, JobIsFinal for a completed one,
        JobIsLive, ModelChanged."""
        with self._client() as client:
            retried = client.retry(_id(job_id))
            self._workforce.look(client)
            return retried

    def list_jobs(
        self,
        *,
        status: Status | Sequence[Status] = (),
        repo: str | Path | None = None,
        project: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> JobPage:
        """Jobs, newest first: those with one of these statuses, of a repository (a path, or a part of its name), of a
        project (None: of all), made in that time. `limit` is 1 to 1000."""
        require_texts(project=project)
        require_times(since=since, until=until)
        wanted = statuses(status)
        page = page_of(limit=limit, offset=offset)
        with self._client() as client:
            named = None if repo is None else repository_filter(repo)
            return client.list_jobs(status=wanted, repo=named, project=project, since=since, until=until, **page)

    def repositories(
        self, *, repo: str | Path | None = None, project: str | None = None, limit: int = 50, offset: int = 0
    ) -> RepositoryPage:
        """The repositories of a project, by name, with their views: all of them, or those that `repo` names. `limit` is
        1 to 1000."""
        from pgdex.jobs.client.repositories import repository_page

        page = page_of(limit=limit, offset=offset)
        with self._client() as client:
            named = None if repo is None else repository_filter(repo)
            return repository_page(client, project=self._project(project), repo=named, **page)

    def search(
        self,
        query: str,
        *,
        project: str | None = None,
        repo: str | Path | None = None,
        view: str | None = None,
        path_glob: str | None = None,
        language: str | None = None,
        kinds: Sequence[str] = (),
        tests: Tests = "in",
        limit: int = 10,
    ) -> "Found":
        """The files that answer a question, or have an identifier or a text, best first, each with the lines that
        answer best. `notes` of the answer say what may be missing from it.

        Searches the whole project, wherever the program was started. `repo` narrows that to repositories: a path
        (begins with `/`, `.` or `~`, or is a Path), or a part of a name. `view`: another worktree or branch than the
        main one, by name, branch or path. `path_glob`: paths such as `src/**/*.py`. `language`: `python`, `go`, …
        `kinds`: `function`, `class`, … `tests`: whether tests are `in`, `out`, or the `only` ones. `limit`: 1 to 100.

        Where one view is searched and some of its files have changed, these are indexed first, for 1.5 s at most
        (PGDEX_FRESH_SECONDS).
        """
        from pgdex.indexer.search import SearchRequest
        from pgdex.jobs.client.search import refusals, search_code

        require_texts(project=project, view=view, path_glob=path_glob, language=language)
        wanted = None if repo is None else repository_filter(repo)
        folder = Path(wanted) if wanted and wanted.startswith("/") else None
        with refusals():
            request = SearchRequest(
                text_of("query", query),
                project_id=self._project(project, folder=folder),
                repo=wanted,
                view=view,
                path_glob=path_glob,
                language=language,
                kinds=texts("kinds", kinds),
                tests=tests,
                limit=number_from(1, MOST_HITS, limit=limit),
            )
        with self._client() as client:
            start = partial(self._workforce.look, client)
            return search_code(client, request, words=WORDS, ensure_workers=start, look=self._looking.look)

    def related(
        self, path: str | Path, line: int, *, project: str | None = None, tests: Tests = "in", limit: int = 10
    ) -> "Found":
        """Code that is like the code at a line (from 1) of a file, or that it uses. A relative `path` begins at the
        process's present folder. `tests` and `limit` are those of `search`."""
        from pgdex.indexer.search import RelatedRequest
        from pgdex.jobs.client.search import refusals, related_code
        from pgdex.jobs.client.standing import standing_at

        file = whole_path("path", path)
        chosen = self._project(project, folder=file.parent)
        with refusals():
            request = RelatedRequest(
                project_id=chosen,
                root=str(file.parent),
                path=file.name,
                line=number_from(1, None, line=line),
                tests=tests,
                limit=number_from(1, MOST_HITS, limit=limit),
            )
        with self._client() as client:
            if standing_at(client.connection, file.parent, project=chosen) is None:
                raise InvalidRequest(
                    f"{file} is not in a repository indexed in project {chosen}; index one with index()"
                )
            start = partial(self._workforce.look, client)
            return related_code(client, request, words=WORDS, ensure_workers=start, look=self._looking.look)

    def remove(
        self,
        repository: str | Path | None = None,
        *,
        project: str | None = None,
        all_views: bool = False,
        missing: bool = False,
        older_than: datetime | None = None,
        cancel: bool = False,
    ) -> Removal:
        """Remove views from the index, with the history of their jobs; the folders themselves are not touched.

        `repository` is a path that was indexed (it need not exist any more) or a name. Of a repository with several
        views give the path of one, or `all_views`. `missing`: only views whose folder is gone; `older_than`: only those
        that nobody asked to index since that time; these two may go without `repository`, and perhaps remove nothing.
        `cancel` ends a job that is indexing any of them; without it that raises JobIsLive.
        """
        from pgdex.jobs.client.removal import is_there, remove_rows, remove_view
        from pgdex.jobs.client.removal_choice import Wish, removal_effect, require_no_live_job, views_to_remove

        require_times(older_than=older_than)
        if repository is None and not missing and older_than is None:
            raise InvalidRequest("say what to remove: a path, a repository's name, missing=True, or older_than=TIME")
        text = None if repository is None else text_of("repository", repository)
        if isinstance(repository, Path):
            text = str(whole_path("repository", repository))
        folder = Path(text).expanduser() if text and text.startswith(("/", "~")) else None
        with self._client() as client:
            wish = Wish(text, all_views=all_views, missing=missing, older_than=older_than)
            chosen = views_to_remove(client, wish, project=self._project(project, folder=folder))
            if not cancel:
                require_no_live_job(client, chosen, advice="cancel it first, or remove it with cancel=True")
            effects = removal_effect(client, chosen)
            for view in chosen:
                remove_view(client.connection, view, cancel=cancel)
            for view in {view.repository_id: view for view in chosen}.values():
                for _ in remove_rows(client.connection, view):
                    pass
            is_complete = not any(is_there(client.connection, view) for view in chosen)
        return Removal(views=chosen, effects=effects, is_complete=is_complete)

    @contextmanager
    def _client(self) -> "Iterator[Client]":
        with own_errors(), self._connections.client() as client:
            yield client

    def _project(self, argument: str | None, *, folder: Path | None = None) -> str:
        require_texts(project=argument)
        project = resolve_project(self.settings, argument=argument, folder=folder)
        for note in project.notes:
            if note not in self._told:
                self._told.add(note)
                logger.warning(note, extra=fields(action="project_file_ignored"))
        return project.id


def _id(job_id: UUID | str) -> UUID | str:
    return job_id if isinstance(job_id, UUID) else text_of("job_id", job_id)
