"""`pgdex db`: the schema, the address, and a way in with psql."""

import re
import shutil
import tempfile
from pathlib import Path

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.schema import expected_version
from tests.integration.cli.commands import Environment, Run
from tests.integration.cli.terminal import Terminal
from tests.support.logins import run_pgdex as embedded
from tests.support.sql_worker import enqueue
from tests.support.unreleased import make_unreleased_schema


def test_a_database_without_the_schema_is_told_how_to_get_it(run_pgdex: Run, empty_database_url: str) -> None:
    empty = {"PGDEX_DATABASE_URL": empty_database_url}

    behind = run_pgdex("list", env=empty)
    assert behind.code == ExitCode.DATABASE
    assert "pgdex db upgrade" in behind.err
    sick = run_pgdex("doctor", env=empty)
    assert sick.code == ExitCode.FAILED
    assert re.search(r"^✗ schema +not there yet", sick.out, re.MULTILINE)

    upgraded = run_pgdex("db", "upgrade", "--json", env=empty)
    assert upgraded.code == ExitCode.DONE
    assert set(upgraded.json) == {"database", "schema_version"}
    assert run_pgdex("list", env=empty).code == ExitCode.DONE
    assert run_pgdex("doctor", env=empty).code == ExitCode.DONE

    assert run_pgdex("db", "downgrade", "--to", "base", env=empty).code == ExitCode.USAGE
    assert run_pgdex("db", "downgrade", "--to", "base", "--yes", env=empty).code == ExitCode.DONE
    assert run_pgdex("list", env=empty).code == ExitCode.DATABASE


def test_the_databases_address_is_printed_without_its_password(run_pgdex: Run) -> None:
    secret = {"PGDEX_DATABASE_URL": "postgresql://me:s3cret@db.example/code"}

    hidden = run_pgdex("db", "url", env=secret)
    assert hidden.out == "postgresql://me@db.example/code\n"
    assert "s3cret" not in hidden.err
    assert run_pgdex("db", "url", "--show-password", env=secret).out == f"{secret['PGDEX_DATABASE_URL']}\n"
    assert run_pgdex("db", "url", "--json", env=secret).json == {"database_url": "postgresql://me@db.example/code"}


def test_psql_finds_the_tables_without_a_schema_in_front(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection, "/src/click")

    asked = run_pgdex("db", "psql", "-A", "-t", "-c", "select status, repository from job_status")

    assert asked.code == 0, asked.err
    assert asked.out == "pending|click\n"
    assert run_pgdex("db", "psql", "-v", "ON_ERROR_STOP=1", "-c", "select nonsense").code == 1


def test_every_command_says_how_to_start_over_with_what_an_unreleased_pgdex_left(
    run_pgdex: Run, empty_database_url: str, tmp_path: Path
) -> None:
    make_unreleased_schema(empty_database_url)
    there = {"PGDEX_DATABASE_URL": empty_database_url}
    for command in (
        ["list"],
        ["index", str(tmp_path)],
        ["search", "x"],
        ["status", "last"],
        ["worker"],
        ["workers"],
        ["db", "upgrade"],
        ["db", "downgrade", "--to", "base", "--yes"],
        ["db", "grant", "someone", "--role", "reader"],
    ):
        done = run_pgdex(*command, env=there)
        assert done.code == ExitCode.DATABASE, (command, done)
        assert "before the first release (0006-0.1.0-3f2a5c)" in done.err, command
        assert "Start over with: pgdex db reset" in done.err, command
    sick = run_pgdex("doctor", env=there)
    assert sick.code == ExitCode.FAILED
    assert re.search(r"^✗ schema +0006-0.1.0-3f2a5c", sick.out, re.MULTILINE)
    assert "pgdex db reset" in sick.out


def test_a_reset_says_what_is_lost_and_needs_a_yes(
    run_pgdex: Run, environment: Environment, empty_database_url: str
) -> None:
    make_unreleased_schema(empty_database_url)
    there = {"PGDEX_DATABASE_URL": empty_database_url}

    unasked = run_pgdex("db", "reset", env=there)
    assert unasked.code == ExitCode.USAGE
    assert "2 repositories, 1,500 chunks, 1 job" in unasked.err
    assert "--yes" in unasked.err

    for answer, code in (("n\n", ExitCode.DONE), ("\n", ExitCode.DONE)):
        terminal = Terminal(environment | there, "db", "reset")
        terminal.read_until("[y/N]")
        assert "2 repositories, 1,500 chunks, 1 job" in terminal.said
        terminal.type(answer)
        assert terminal.end() == code
        assert "Nothing was changed" in terminal.said
    assert run_pgdex("list", env=there).code == ExitCode.DATABASE

    terminal = Terminal(environment | there, "db", "reset")
    terminal.read_until("[y/N]")
    terminal.type("y\n")
    assert terminal.end() == ExitCode.DONE
    assert "Deleted: 2 repositories, 1,500 chunks, 1 job." in terminal.said
    assert run_pgdex("list", env=there).code == ExitCode.DONE

    again = run_pgdex("db", "reset", "--yes", "--json", env=there)
    assert again.code == ExitCode.DONE
    assert again.json["deleted"] == {"repositories": 0, "chunks": 0, "jobs": 0}
    assert again.json["schema_version"] == expected_version()


@pytest.mark.usefixtures("worker")
def test_a_reset_under_workers_is_refused_before_it_asks(
    run_pgdex: Run, environment: Environment, connection: Connection
) -> None:
    enqueue(connection, "/src/click")
    terminal = Terminal(environment, "db", "reset")
    assert terminal.end() == ExitCode.DATABASE
    assert "is in use: worker" in terminal.said
    refused = run_pgdex("db", "reset", "--yes")
    assert refused.code == ExitCode.DATABASE
    assert "--force" in refused.err
    assert connection.execute("select count(*) from pgdex.indexing_jobs").fetchone() == (1,)


def test_the_embedded_database_is_reset_in_its_place() -> None:
    home = Path(tempfile.mkdtemp(prefix="pgdex-reset-", dir="/tmp"))
    try:
        assert embedded("list", home=home).code == 0
        noted = "update settings set value = '0013-0.1.0-abc' where name = 'schema_version'"
        assert embedded("db", "psql", "-c", noted, home=home).code == 0
        refused = embedded("list", home=home)
        assert refused.code == ExitCode.DATABASE
        assert "pgdex db reset" in refused.err
        done = embedded("db", "reset", "--yes", home=home)
        assert done.code == 0, done
        assert f"the embedded PostgreSQL under {home}" in done.out
        assert embedded("list", home=home).code == 0
    finally:
        shutil.rmtree(home, ignore_errors=True)
