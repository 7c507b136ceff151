"""`pgdex remove`: a repository leaves the index, not by accident, and its folder stays."""

import os
from pathlib import Path

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, Run
from tests.integration.cli.terminal import Terminal
from tests.support.job_checks import value
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.trees import python_tree

ROOTS = "select coalesce(string_agg(root, ',' order by root), '') from pgdex.views where removed_at is null"


def indexed(connection: Connection, root: str) -> None:
    """A repository with a completed job."""
    enqueue(connection, root)
    SqlWorker(connection).work_all(tree(5))


def test_a_repository_is_removed_by_its_path_and_the_folder_stays(
    run_pgdex: Run, connection: Connection, tmp_path: Path
) -> None:
    folder = python_tree(tmp_path / "repository", 3)
    indexed(connection, os.path.realpath(folder))
    indexed(connection, "/srv/other")

    done = run_pgdex("remove", str(folder), "--yes")

    assert done.code == ExitCode.DONE, done
    assert "Removed" in done.out
    assert value(connection, ROOTS) == "/srv/other"
    assert value(connection, "select count(*) from pgdex.repositories") == 1
    assert value(connection, "select count(distinct repository_id) from pgdex.chunks") == 1
    assert folder.is_dir()
    again = run_pgdex("remove", str(folder), "--yes")
    assert again.code == ExitCode.USAGE
    assert "Indexed: /srv/other" in again.err


def test_a_repository_whose_folder_is_gone_is_removed_by_path_or_name(run_pgdex: Run, connection: Connection) -> None:
    indexed(connection, "/nowhere/web")
    indexed(connection, "/nowhere/api")
    assert run_pgdex("remove", "/nowhere/web", "--yes").code == ExitCode.DONE
    removed = run_pgdex("remove", "api", "--yes", "--json")
    assert [one["repo_path"] for one in removed.json["removed"]] == ["/nowhere/api"]
    assert (removed.json["project_id"], removed.json["is_complete"]) == ("default", True)
    assert value(connection, "select count(*) from pgdex.repositories") == 0


def test_without_a_terminal_a_removal_needs_yes(run_pgdex: Run, connection: Connection) -> None:
    indexed(connection, "/srv/web")
    refused = run_pgdex("remove", "web")
    assert refused.code == ExitCode.USAGE
    assert "--yes" in refused.err
    assert value(connection, ROOTS) == "/srv/web"


def test_a_repository_that_is_being_indexed_is_removed_only_with_cancel(run_pgdex: Run, connection: Connection) -> None:
    job = enqueue(connection, "/srv/web")
    refused = run_pgdex("remove", "web", "--yes")
    assert refused.code == ExitCode.USAGE
    assert str(job) in refused.err
    assert "--cancel" in refused.err
    assert run_pgdex("remove", "web", "--yes", "--cancel").code == ExitCode.DONE
    assert value(connection, "select count(*) from pgdex.repositories") == 0


def test_a_removal_stays_within_its_project(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection, "/srv/web", project="secret")
    assert run_pgdex("remove", "web", "--yes", "--cancel").code == ExitCode.USAGE
    assert run_pgdex("remove", "web", "--project", "secret", "--yes", "--cancel").code == ExitCode.DONE


@pytest.mark.parametrize(("answer", "left"), [("y", ""), ("n", "/srv/web"), ("", "/srv/web")])
def test_on_a_terminal_a_removal_asks_and_says_what_is_lost(
    connection: Connection, environment: Environment, answer: str, left: str
) -> None:
    indexed(connection, "/srv/web")
    terminal = Terminal(environment, "remove", "web")

    terminal.read_until("Remove it?")
    terminal.type(f"{answer}\n")

    assert terminal.end() == ExitCode.DONE
    assert "5 files (5 chunks)" in terminal.said
    assert value(connection, ROOTS) == left


def test_what_another_transaction_has_open_is_left_and_said(
    run_pgdex: Run, connection: Connection, database_url: str
) -> None:
    import psycopg

    indexed(connection, "/srv/web")
    connection.execute("select pgdex.ensure_chunk_partition(1, 5, 1)")
    with psycopg.connect(database_url) as reader:
        reader.execute("select count(*) from pgdex.chunks")
        done = run_pgdex("remove", "web", "--yes")
        assert done.code == ExitCode.DONE
        assert "a worker deletes the rest later" in done.err
        doctor = run_pgdex("doctor")
        assert "1 removed repository still has rows" in doctor.out
    assert value(connection, ROOTS) == ""
