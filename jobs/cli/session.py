"""The client for one command, and going on when the database goes away meanwhile."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus
    from pgdex.jobs.client.projects import Project
    from pgdex.jobs.settings import Settings

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
OTHER_REASON_SECONDS = 10.0
"""After that an outage is no restart, and what keeps the connection from being made may be something to be mended."""


@contextmanager
def open_client() -> "Iterator[Client]":
    """A client for the settings of this process. Raises PgdexError."""
    from pgdex.jobs.client.client import Client  # with psycopg and pydantic: 0.2 s that --help does without
    from pgdex.jobs.settings import settings

    configured = settings()
    if is_first_start(configured):
        click.echo(f"Setting up PostgreSQL under {configured.home} (only once; it takes a few seconds) …", err=True)
    with Client.open(configured) as client:
        yield client


def chosen_project(settings: "Settings", *, argument: str | None, folder: Path | None) -> "Project":
    """The project that a command is about, which stands in `folder` or names it. Says on stderr where a `.pgdex.toml`
    was not believed. Raises InvalidRequest."""
    from pgdex.jobs.cli.render.console import note
    from pgdex.jobs.client.printable import printable
    from pgdex.jobs.client.projects import resolve_project

    project = resolve_project(settings, argument=argument, folder=folder)
    for remark in project.notes:
        note(f"Note: {printable(remark)}")
    return project


def present_folder() -> Path | None:
    """Where the user stands; nowhere, where that folder was removed meanwhile."""
    try:
        return Path.cwd()
    except OSError:
        return None


def wanted_job(client: "Client", job_id: str, *, project: str | None, only_reads: bool) -> "JobStatus":
    """The job that a command is about, within the project of `project` or of the present folder.

    A command that `only_reads` takes a whole id from any project. Raises InvalidRequest, JobNotFound.
    """
    chosen = chosen_project(client.settings, argument=project, folder=present_folder()).id
    return client.find(job_id, project=chosen, whole_ids_anywhere=only_reads and project is None)


def is_first_start(settings: "Settings") -> bool:
    """Whether the embedded server is the one to use and was never started."""
    # Not Path.exists, which raises where the folder is someone else's.
    return settings.database_url is None and not os.path.exists(settings.home / "data")


class Reconnecting:
    """Calls a client, and where its connection breaks, waits for the database and calls again.

    `lost` is called for each outage with the reason, again where it lasts and the reason has become another one (the
    database was dropped, its password changed), and `found` when it is over.
    """

    def __init__(
        self,
        client: "Client",
        *,
        lost: Callable[[str], None],
        found: Callable[[], None],
        sleep: Callable[[float], None] = time.sleep,
        patience_seconds: float = OTHER_REASON_SECONDS,
    ) -> None:
        from pgdex.jobs.database.outages import Backoff

        self._client = client
        self._lost = lost
        self._found = found
        self._sleep = sleep
        self._patience_seconds = patience_seconds
        self._pauses = Backoff(first=FIRST_DELAY_SECONDS, longest=LONGEST_DELAY_SECONDS)

    def call(
        self,
        action: "Callable[Concatenate[Client, Arguments], Result]",
        *args: "Arguments.args",
        **kwargs: "Arguments.kwargs",
    ) -> Result:
        """`action(client, …)`, again after each outage. Raises what it raises else."""
        import psycopg

        while True:
            try:
                result = action(self._client, *args, **kwargs)
            except psycopg.OperationalError as error:
                self._lost((str(error).splitlines() or ["no reason given"])[0])
                self._reconnect()
                self._found()
            else:
                self._pauses.reset()
                return result

    def _reconnect(self) -> None:
        from pgdex.jobs.client.client import Client
        from pgdex.jobs.errors import DatabaseUnavailable

        self._client.close()
        began = time.monotonic()
        told = ""
        while True:
            self._sleep(self._pauses.next())
            try:
                self._client.connection = Client.open(self._client.settings).connection
            except DatabaseUnavailable as error:
                if told != str(error) and time.monotonic() - began >= self._patience_seconds:
                    told = str(error)
                    self._lost(told)
                continue
            return
