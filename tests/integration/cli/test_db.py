"""`pgdex db`: the schema, the address, and a way in with psql."""

import re

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Run
from tests.support.sql_worker import enqueue


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
