"""`pgdex db dump` and `pgdex db restore`: everything goes into a file and comes back out of it, in another database."""

import os
import stat
from pathlib import Path

import psycopg

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.upkeep.dumps import _connected
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Run
from tests.support.databases import settings_for
from tests.support.sql_worker import enqueue


def test_a_dump_brings_everything_into_another_database(
    run_pgdex: Run, worker: None, repository: Path, empty_database_url: str, tmp_path: Path, connection: Connection
) -> None:
    indexed = run_pgdex("index", str(repository))
    assert indexed.code == ExitCode.DONE, indexed.err
    file, other = tmp_path / "index.dump", {"PGDEX_DATABASE_URL": empty_database_url}

    written = run_pgdex("db", "dump", str(file), "--json").json
    assert written["bytes"] == file.stat().st_size > 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = run_pgdex("db", "dump", str(file))
    assert (again.code, "exists already" in again.err) == (ExitCode.USAGE, True)
    in_use = run_pgdex("db", "restore", str(file), "--yes")
    assert (in_use.code, "pgdex stop" in in_use.err) == (ExitCode.DATABASE, True)

    restored = run_pgdex("db", "restore", str(file), env=other)
    assert restored.code == ExitCode.DONE, restored.err
    grants = "select count(*) from information_schema.role_table_grants where table_schema = 'pgdex'"
    chunks = "select count(*), sum(hashtext(content)) from pgdex.chunks"
    with psycopg.connect(empty_database_url) as there:
        for query in (chunks, grants, "select count(*), max(id) from pgdex.job_events"):
            assert there.execute(query).fetchone() == connection.execute(query).fetchone(), query
    found = run_pgdex("search", "handler_7", "--json", "--all", env=other)
    assert (found.code, "src/module_7.py" in found.out) == (ExitCode.DONE, True)

    needs_a_yes = run_pgdex("db", "restore", str(file), env=other)
    assert needs_a_yes.code == ExitCode.USAGE
    assert "This deletes what is there: 1 repository" in needs_a_yes.err
    assert run_pgdex("db", "restore", str(file), "--yes", env=other).code == ExitCode.DONE
    assert run_pgdex("doctor", env=other).code == ExitCode.DONE


def test_what_is_no_dump_is_refused_and_a_broken_one_changes_nothing(
    run_pgdex: Run, connection: Connection, tmp_path: Path
) -> None:
    enqueue(connection, "/src/click")
    rubbish, whole, torn = tmp_path / "rubbish", tmp_path / "whole", tmp_path / "torn"
    rubbish.write_bytes(os.urandom(5000))
    assert run_pgdex("db", "dump", str(whole)).code == ExitCode.DONE
    torn.write_bytes(whole.read_bytes()[:-3000])
    for file in (rubbish, tmp_path / "missing", torn):
        refused = run_pgdex("db", "restore", str(file), "--yes")
        assert refused.code in (ExitCode.USAGE, ExitCode.FAILED), (file, refused)
        assert file.name in refused.err or "nothing was changed" in refused.err
        assert connection.execute("select count(*) from pgdex.indexing_jobs").fetchone() == (1,)
    nowhere = run_pgdex("db", "dump", str(tmp_path / "no" / "folder"))
    assert (nowhere.code, "can't be written" in nowhere.err) == (ExitCode.USAGE, True)


def test_no_password_is_an_argument_of_the_programs() -> None:
    settings = settings_for("postgresql://me:s3cret@127.0.0.1:1/code")
    with _connected(settings) as (target, environment, _):
        assert "s3cret" not in target
        assert environment["PGPASSWORD"] == "s3cret"
