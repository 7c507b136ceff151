"""`pgdex remove` where there are several views: one of them, all, those that are gone, those that are old."""

from pathlib import Path
from typing import Any

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, Run
from tests.integration.cli.terminal import Terminal
from tests.support.job_checks import value
from tests.support.second_views import new_view
from tests.support.sql_worker import SqlWorker, enqueue, tree

ROOTS = "select coalesce(string_agg(root, ',' order by root), '') from pgdex.views where removed_at is null"


def indexed(connection: Connection, root: str, **arguments: Any) -> None:
    """A repository with a completed job."""
    enqueue(connection, root, **arguments)
    SqlWorker(connection).work_all(tree(5))


@pytest.fixture
def web(connection: Connection) -> str:
    """A repository with two views; the second one holds two of the five files, and one of its own."""
    indexed(connection, "/srv/web")
    new_view(connection, of="/srv/web", root="/srv/fix", branch="fix", paths=["file00000.py", "file00001.py"])
    return "/srv/web"


def test_the_path_of_a_view_removes_that_view_and_what_others_hold_stays(
    run_pgdex: Run, connection: Connection, web: str
) -> None:
    done = run_pgdex("remove", web, "--yes", "--json")

    assert done.json["removed"] == [{"repo_path": web, "repository": "web", "view": "web"}]
    assert (done.json["files"], done.json["chunks"], done.json["versions_kept"]) == (5, 3, 2)
    assert done.json["bytes_freed"] > 0
    assert done.json["bytes_freed_is_estimate"] is True
    assert value(connection, ROOTS) == "/srv/fix"
    assert value(connection, "select count(*) from pgdex.versions") == 2
    assert value(connection, "select count(*) from pgdex.chunks") == 2
    assert value(connection, "select is_default from pgdex.views") is True


def test_a_name_of_several_views_asks_which_and_all_views_takes_them(
    run_pgdex: Run, connection: Connection, web: str
) -> None:
    refused = run_pgdex("remove", "web", "--yes")
    assert refused.code == ExitCode.USAGE
    for part in ("2 views", "--all-views", web, "/srv/fix"):
        assert part in refused.err
    assert run_pgdex("remove", "web", "--all-views", "--yes").code == ExitCode.DONE
    for table in ("repositories", "views", "view_files", "versions", "chunks", "indexing_jobs"):
        assert value(connection, f"select count(*) from pgdex.{table}") == 0, table


def test_a_view_is_removed_by_its_own_name(run_pgdex: Run, connection: Connection, web: str) -> None:
    assert run_pgdex("remove", "fix", "--yes").code == ExitCode.DONE
    assert value(connection, ROOTS) == web
    assert value(connection, "select count(*) from pgdex.chunks") == 5


def test_what_is_missing_is_removed_and_what_this_machine_does_not_see_is_left(
    run_pgdex: Run, connection: Connection, tmp_path: Path
) -> None:
    there = tmp_path.resolve() / "there"
    there.mkdir()
    for root in (str(there), str(tmp_path.resolve() / "gone"), "/no/such/place/web", "/no/such/place/api"):
        indexed(connection, root)
    connection.execute("update pgdex.views set missing_since = now() where root like '%%/api' or root like '%%/there'")

    done = run_pgdex("remove", "--missing", "--yes")

    assert done.code == ExitCode.DONE
    assert value(connection, ROOTS) == f"/no/such/place/api,/no/such/place/web,{there}"
    assert "/no/such/place/api. The workers found it gone" in done.err
    assert "/no/such/place/web" not in done.err
    again = run_pgdex("remove", "--missing", "--yes", "--json")
    assert (again.json["removed"], again.code) == ([], ExitCode.DONE)


def test_what_nobody_asked_for_lately_is_removed(run_pgdex: Run, connection: Connection) -> None:
    for root in ("/srv/old", "/srv/new", "/srv/forgotten", "/srv/live"):
        indexed(connection, root)
    connection.execute("alter table pgdex.indexing_jobs disable trigger user")
    connection.execute("update pgdex.indexing_jobs set created_at = created_at - interval '40 days'")
    connection.execute("alter table pgdex.indexing_jobs enable trigger user")
    connection.execute(
        "update pgdex.views set created_at = now() - interval '40 days', last_indexed_at = now() - interval '40 days'"
    )
    connection.execute("update pgdex.views set last_indexed_at = now() where root = '/srv/new'")
    connection.execute("delete from pgdex.indexing_jobs where repo_path = '/srv/forgotten'")
    enqueue(connection, "/srv/live")

    done = run_pgdex("remove", "--older-than", "30d", "--yes", "--json")

    assert [one["repo_path"] for one in done.json["removed"]] == ["/srv/forgotten", "/srv/old"]
    assert value(connection, ROOTS) == "/srv/live,/srv/new"


def test_a_repository_narrows_what_is_missing_or_old(run_pgdex: Run, connection: Connection, tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    indexed(connection, str(folder / "a"))
    indexed(connection, str(folder / "b"))
    assert run_pgdex("remove", "a", "--missing", "--yes").code == ExitCode.DONE
    assert value(connection, ROOTS) == str(folder / "b")
    kept = run_pgdex("remove", "b", "--missing", "--older-than", "1d", "--yes")
    assert kept.code == ExitCode.DONE
    assert "nothing was removed" in kept.err
    assert value(connection, ROOTS) == str(folder / "b")


def test_nothing_is_removed_where_one_of_several_is_being_indexed(
    run_pgdex: Run, connection: Connection, tmp_path: Path
) -> None:
    folder = tmp_path.resolve()
    indexed(connection, str(folder / "a"))
    job = enqueue(connection, str(folder / "b"))
    refused = run_pgdex("remove", "--missing", "--yes")
    assert refused.code == ExitCode.USAGE
    assert str(job) in refused.err
    assert value(connection, ROOTS) == f"{folder}/a,{folder}/b"
    assert run_pgdex("remove", "--missing", "--yes", "--cancel").code == ExitCode.DONE
    assert value(connection, ROOTS) == ""


def test_who_names_nothing_is_told_what_can_be_named(run_pgdex: Run) -> None:
    refused = run_pgdex("remove", "--yes")
    assert refused.code == ExitCode.USAGE
    assert "--missing" in refused.err


def test_the_question_says_what_is_lost_what_comes_back_and_what_stays(
    connection: Connection, environment: Environment, web: str
) -> None:
    terminal = Terminal(environment, "remove", web)
    terminal.read_until("Remove it?")
    terminal.type("n\n")
    assert terminal.end() == ExitCode.DONE
    shown = terminal.said
    assert "lost: the index of 5 files (3 chunks), the history of 1 job" in shown
    assert "in the database, reused by later jobs" in shown
    assert "kept: the folder itself and 2 files that other views hold too" in shown
    assert value(connection, ROOTS) == f"/srv/fix,{web}"


def test_a_table_of_its_own_is_given_back_to_the_disk(run_pgdex: Run, connection: Connection) -> None:
    indexed(connection, "/srv/large")
    connection.execute("select pgdex.ensure_chunk_partition(1, 5, 1)")
    bytes_there = value(connection, "select pg_total_relation_size('pgdex.chunks_r1')")
    done = run_pgdex("remove", "large", "--yes", "--json").json
    assert (done["bytes_freed"], done["bytes_freed_is_estimate"]) == (bytes_there, False)


def test_the_doctor_tells_of_folders_that_are_gone_and_what_removes_them(
    run_pgdex: Run, connection: Connection, tmp_path: Path
) -> None:
    assert "0 indexed folders, none known to be gone" in run_pgdex("doctor").out
    indexed(connection, str(tmp_path.resolve() / "gone"), project="web")
    indexed(connection, "/no/such/place/api")
    assert "pgdex remove --missing --project web" in run_pgdex("doctor").out
    connection.execute("update pgdex.views set missing_since = now() where root like '%%/api'")
    found = [check for check in run_pgdex("doctor", "--json").json["checks"] if check["name"] == "views"]
    assert [check["outcome"] for check in found] == ["warning", "warning"]
    assert "/no/such/place/api" in found[1]["finding"]
    assert run_pgdex("remove", "--missing", "--project", "web", "--yes").code == ExitCode.DONE
    assert value(connection, ROOTS) == "/no/such/place/api"


def test_the_doctor_tells_of_a_folder_that_holds_another_repository_now(run_pgdex: Run, connection: Connection) -> None:
    indexed(connection, "/srv/fix")
    connection.execute("update pgdex.repositories set identity = 'https://forge.example/team/fix'")
    connection.execute("update pgdex.views set identity = 'https://forge.example/team/fix'")
    assert "forge.example" not in run_pgdex("doctor").out
    connection.execute("update pgdex.views set identity = 'https://forge.example/team/other' where root = '/srv/fix'")
    (found,) = [
        check
        for check in run_pgdex("doctor", "--json").json["checks"]
        if check["name"] == "views" and "forge.example" in check["finding"]
    ]
    assert "/srv/fix is of https://forge.example/team/other" in found["finding"]
    assert "pgdex remove" in found["advice"]
