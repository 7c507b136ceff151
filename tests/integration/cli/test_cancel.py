"""`pgdex cancel`: once, and not by accident."""

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.client.models import CancelledJob
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, Run
from tests.integration.cli.terminal import Terminal
from tests.integration.cli.watched_jobs import running_job
from tests.support.job_checks import value
from tests.support.sql_worker import enqueue


def test_a_job_is_cancelled_once(run_pgdex: Run, connection: Connection) -> None:
    job_id = enqueue(connection)

    cancelled = run_pgdex("cancel", str(job_id), "--yes", "--json")
    assert cancelled.code == ExitCode.DONE
    assert CancelledJob(**cancelled.json).previous_status == "pending"

    again = run_pgdex("cancel", str(job_id), "--yes")
    assert again.code == ExitCode.FINAL
    assert "already cancelled" in again.err


def test_without_a_terminal_a_cancellation_needs_yes(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection)

    refused = run_pgdex("cancel", "last")

    assert refused.code == ExitCode.USAGE
    assert "--yes" in refused.err
    assert value(connection, "select status from pgdex.indexing_jobs") == "pending"


@pytest.mark.parametrize(("answer", "status"), [("y", "cancelled"), ("n", "running"), ("", "running")])
def test_on_a_terminal_a_cancellation_asks_and_says_what_is_lost(
    connection: Connection, environment: Environment, answer: str, status: str
) -> None:
    running_job(connection)
    terminal = Terminal(environment, "cancel", "last")

    terminal.read_until("Cancel it?")
    terminal.type(f"{answer}\n")

    assert terminal.end() == ExitCode.DONE
    assert b"kept:" in terminal.shown
    assert b"lost:" in terminal.shown
    assert value(connection, "select status from pgdex.indexing_jobs") == status
