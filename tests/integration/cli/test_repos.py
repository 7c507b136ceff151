"""`pgdex repos`: what a project holds, what is shared, what is gone."""

import os
from pathlib import Path
from typing import Any

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Run
from tests.support.job_checks import value
from tests.support.second_views import new_view
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.trees import python_tree


def indexed(connection: Connection, root: str, *, files: int = 5, **arguments: Any) -> None:
    """A repository with a completed job."""
    enqueue(connection, root, **arguments)
    SqlWorker(connection).work_all(tree(files))


def test_a_repository_is_shown_with_its_views_and_what_they_share(
    run_pgdex: Run, connection: Connection, tmp_path: Path
) -> None:
    folder = os.path.realpath(python_tree(tmp_path / "shop", 3))
    indexed(connection, folder)
    new_view(connection, of=folder, root="/srv/shop-fix", branch="fix", paths=["file00000.py", "file00001.py"])

    listed = run_pgdex("repos", "--json").json

    (shop,) = listed["repositories"]
    assert (listed["total_count"], listed["has_more"]) == (1, False)
    assert (shop["name"], shop["chunks"], shop["views_total"]) == ("shop", 5, 2)
    assert (shop["versions"], shop["source_bytes"]) == (5, 50)
    assert (shop["versions_shared"], shop["shared_source_bytes"]) == (2, 20)
    assert (shop["versions_unused"], shop["unused_source_bytes"]) == (0, 0)
    assert shop["bytes_on_disk"] > 0
    assert shop["bytes_on_disk_is_estimate"] is True
    main, fix = shop["views"]
    assert (main["root"], main["is_default"], main["files"], main["missing"]) == (folder, True, 5, False)
    assert (main["last_job_status"], main["live_job_id"]) == ("completed", None)
    assert (fix["root"], fix["branch"], fix["files"], fix["kind"]) == ("/srv/shop-fix", "fix", 2, "worktree")
    assert (fix["missing"], fix["last_job_id"], fix["last_job_status"]) == (Path("/srv").is_dir(), None, None)

    shown = run_pgdex("repos")
    assert shown.code == ExitCode.DONE
    assert "shared by views: 2 files" in shown.out
    assert f"{folder}" in shown.out
    assert "(shop-fix, fix)" in shown.out
    assert ("folder is gone" in shown.out) is Path("/srv").is_dir()


def test_a_table_of_its_own_is_counted_exactly_and_what_is_unused_is_told(
    run_pgdex: Run, connection: Connection
) -> None:
    indexed(connection, "/srv/large")
    connection.execute("select pgdex.ensure_chunk_partition(1, 5, 1)")
    connection.execute("select pgdex.remove_view_files(1, array['file00003.py'])")

    (large,) = run_pgdex("repos", "--json").json["repositories"]

    assert large["bytes_on_disk"] == value(connection, "select pg_total_relation_size('pgdex.chunks_r1')")
    assert large["bytes_on_disk_is_estimate"] is False
    assert (large["versions"], large["versions_unused"], large["unused_source_bytes"]) == (4, 1, 10)
    assert "unused: 1 version" in run_pgdex("repos").out


def test_a_live_job_and_a_failed_one_are_told(run_pgdex: Run, connection: Connection) -> None:
    indexed(connection, "/srv/a")
    job = enqueue(connection, "/srv/a")
    enqueue(connection, "/srv/b", then_admit=False)
    connection.execute("select pgdex.cancel_job(id) from pgdex.indexing_jobs where repo_path = '/srv/b'")
    first, second = (one["views"][0] for one in run_pgdex("repos", "--json").json["repositories"])
    assert (first["live_job_id"], first["live_job_status"]) == (str(job), "pending")
    assert (second["last_job_status"], second["live_job_id"], second["last_indexed_at"]) == ("cancelled", None, None)
    assert "never indexed" in run_pgdex("repos").out


def test_a_list_that_is_cut_says_so(run_pgdex: Run, connection: Connection) -> None:
    for number in range(5):
        enqueue(connection, f"/srv/r{number}")
    cut = run_pgdex("repos", "--limit", "2", "--offset", "2")
    assert "Repositories 3 to 4 of 5. Next: --offset 4" in cut.err
    assert "/srv/r2" in cut.out
    assert "/srv/r4" not in cut.out
    page = run_pgdex("repos", "--limit", "2", "--json").json
    assert ([one["name"] for one in page["repositories"]], page["has_more"]) == (["r0", "r1"], True)
    assert run_pgdex("repos", "--offset", "9").err.startswith("No repositories on this page.")


def test_of_a_repository_with_many_views_the_first_are_shown_and_how_to_see_the_others(
    run_pgdex: Run, connection: Connection
) -> None:
    indexed(connection, "/srv/web")
    for number in range(30):
        new_view(connection, of="/srv/web", root=f"/srv/web-{number:02}")
    shown = run_pgdex("repos")
    assert "… and 11 more views: pgdex repos --repo web" in shown.out
    assert len(run_pgdex("repos", "--repo", "web", "--json").json["repositories"][0]["views"]) == 31


def test_repositories_of_other_projects_are_not_listed(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection, "/srv/web", project="secret")
    nothing = run_pgdex("repos")
    assert nothing.out == ""
    assert "Nothing is indexed in project default yet" in nothing.err
    assert "/srv/web" in run_pgdex("repos", "--project", "secret").out
    assert "matches" in run_pgdex("repos", "--project", "secret", "--repo", "other").err


def test_a_folder_that_was_removed_is_called_gone_and_how_to_remove_it(
    run_pgdex: Run, connection: Connection, tmp_path: Path
) -> None:
    indexed(connection, str(tmp_path.resolve() / "gone"))
    shown = run_pgdex("repos")
    assert "folder is gone" in shown.out
    assert "pgdex remove --missing" in shown.err
