"""Each front end cancels a job in two round trips: it looks at the job, and ends it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import pytest
from click.testing import CliRunner

from pgdex.jobs.cli.commands import cancel as command
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import JobIsFinal, JobNotFound
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.mcp.tools.cancelling import Cancelling
from tests.support.databases import settings_for
from tests.support.job_checks import status_of
from tests.support.sql_worker import enqueue

Result = TypeVar("Result")


@pytest.fixture
def statements(connection: Connection) -> list[str]:
    """What the test's connection executes from now on, each statement a round trip of its own."""
    executed: list[str] = []

    class Recording(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            executed.append(str(query))
            return super().execute(query, params, **options)

    connection.cursor_factory = Recording
    return executed


class OneConnection(ServerContext):
    """The tools' context, with the test's own connection instead of a pool's."""

    def __init__(self, client: Client) -> None:
        super().__init__(client.settings, folder=None)
        self._client = client

    async def run(self, action: Callable[[Client], Result], *, search: bool = False) -> Result:
        return action(self._client)


@pytest.mark.parametrize("text", ["last", "id", "prefix"])
def test_the_command_takes_two(
    connection: Connection, database_url: str, statements: list[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    job_id = enqueue(connection)

    @contextmanager
    def opened() -> Iterator[Client]:
        yield Client(settings_for(database_url), connection)

    monkeypatch.setattr(command, "open_client", opened)
    given = {"last": "last", "id": str(job_id), "prefix": str(job_id)[:8]}[text]
    statements.clear()
    done = CliRunner().invoke(command.cancel, [given, "--yes"])
    assert len(statements) == 2, statements
    assert done.output == "Cancelled after 0 of 0 files; what was indexed stays searchable\n"
    assert status_of(connection, job_id) == "cancelled"


@pytest.mark.parametrize("project", [None, "default"])
def test_the_tool_takes_two(
    connection: Connection, database_url: str, statements: list[str], project: str | None
) -> None:
    job_id = enqueue(connection)
    tool = Cancelling(OneConnection(Client(settings_for(database_url), connection)))
    statements.clear()
    answer = asyncio.run(tool._cancelled(str(job_id), project, agreed=True, was_asked=False))
    assert len(statements) == 2, statements
    assert answer.cancelled
    assert answer.message == "Cancelled after 0 of 0 files; what was indexed stays searchable"
    assert status_of(connection, job_id) == "cancelled"


def test_only_a_job_of_the_project_is_cancelled_where_one_is_named(connection: Connection, database_url: str) -> None:
    client = Client(settings_for(database_url), connection)
    job_id = enqueue(connection, project="web")
    with pytest.raises(JobNotFound, match=f"there is no job {job_id} in project api"):
        client.cancel(job_id, project="api")
    assert status_of(connection, job_id) == "pending"
    cancelled = client.cancel(str(job_id), project="web")
    assert cancelled.previous_status == "pending"
    assert cancelled.message == client.status(job_id).progress_message
    with pytest.raises(JobIsFinal, match="is already cancelled"):
        client.cancel(job_id, project="web")


def test_a_job_of_a_removed_repository_is_not_there_any_more(connection: Connection, database_url: str) -> None:
    job_id = enqueue(connection)
    connection.execute("select pgdex.remove_repository(1, cancel_job => true)")
    with pytest.raises(JobNotFound, match=f"there is no job {job_id}"):
        Client(settings_for(database_url), connection).cancel(job_id)
