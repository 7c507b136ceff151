"""`pgdex status --watch` and `pgdex events --follow`: to the job's end, through outages."""

from uuid import UUID

import psycopg
import pytest
from pydantic import TypeAdapter

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.session import Reconnecting
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobEvent
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, ended, started
from tests.integration.cli.watched_jobs import LISTENERS, listeners, running_job
from tests.support.databases import settings_for
from tests.support.waiting import wait_for


def test_watching_ends_with_the_outcome_as_exit_code(connection: Connection, environment: Environment) -> None:
    def fail(job_id: UUID) -> None:
        connection.execute("select pgdex.fail_job(%s, 'the disk is full', 'DiskFull', 'trace')", [job_id])

    def cancel(job_id: UUID) -> None:
        connection.execute("select pgdex.cancel_job(%s)", [job_id])

    for end, code, message in (
        (fail, ExitCode.FAILED, "the disk is full"),
        (cancel, ExitCode.CANCELLED, "Cancelled"),
    ):
        job_id, _, _ = running_job(connection)
        with started(environment, "status", str(job_id), "--watch") as process:
            wait_for(lambda: listeners(connection), what="a command that watches")
            end(job_id)
            done = ended(process)
        assert done.code == code
        assert message in done.out


def test_events_are_followed_to_the_end_each_once(connection: Connection, environment: Environment) -> None:
    job_id, worker, found = running_job(connection)

    with started(environment, "events", "--follow", "--json") as process:
        assert process.stdout is not None
        first = TypeAdapter(JobEvent).validate_json(process.stdout.readline())
        worker.work_all(found)
        rest = [TypeAdapter(JobEvent).validate_json(line) for line in process.stdout]

    seen = [event.event_id for event in (first, *rest)]
    stored = connection.execute("select id from pgdex.job_events where job_id = %s order by id", [job_id]).fetchall()
    assert seen == [row[0] for row in stored]
    assert rest[-1].event_type == "completed"


@pytest.mark.parametrize("command", [("status", "--watch"), ("events", "--follow")], ids=" ".join)
def test_a_database_that_goes_away_is_waited_for(
    connection: Connection, environment: Environment, command: tuple[str, ...]
) -> None:
    _, worker, found = running_job(connection)

    with started(environment, *command) as process:
        for _ in range(2):
            wait_for(lambda: listeners(connection), what="a command that watches")
            connection.execute(f"select pg_terminate_backend(pid) from ({LISTENERS}) as l")
            wait_for(lambda: not listeners(connection), what="the end of its connection")
        wait_for(lambda: listeners(connection), what="a command that watches again")
        worker.work_all(found)
        done = ended(process)

    assert done.code == ExitCode.DONE, done.err
    assert done.err.count("The database does not answer") == 2
    assert done.err.count("The database is back.") == 2
    assert "Completed" in done.out or "completed" in done.out


def test_an_outage_that_has_become_another_one_is_said_again(database_url: str, server_url: str) -> None:
    told: list[str] = []
    name = database_url.partition("?")[0].rpartition("/")[2]

    def let_in(_: float) -> None:
        if len(told) > 1:
            admin.execute(f'alter database "{name}" allow_connections true')

    with (
        psycopg.connect(server_url, autocommit=True) as admin,
        Client.open(settings_for(database_url)) as client,
    ):
        watching = Reconnecting(
            client, lost=told.append, found=lambda: told.append("found"), sleep=let_in, patience_seconds=0.5
        )
        admin.execute(f'alter database "{name}" allow_connections false')
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        assert watching.call(lambda one: one.connection.execute("select 1").fetchone()) == (1,)
    assert "terminating connection" in told[0]
    assert f'database "{name}" is not currently accepting connections' in told[1]
    assert told[2:] == ["found"], "each reason once"


@pytest.mark.parametrize("command", [("status", "--watch"), ("events", "--follow")])
def test_who_watches_a_job_whose_repository_is_removed_is_told_so(
    connection: Connection, environment: Environment, command: tuple[str, str]
) -> None:
    job_id, _, _ = running_job(connection)
    with started(environment, command[0], str(job_id), command[1]) as process:
        wait_for(lambda: listeners(connection), what="a command that watches")
        connection.execute("select pgdex.remove_repository(id, true) from pgdex.repositories")
        done = ended(process)
    assert done.code == ExitCode.NOT_FOUND
    assert f"job {job_id} is gone: /repo has since been removed from the index" in done.err
