"""`pgdex rename` and `pgdex retry`."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, Run
from tests.support.job_checks import value
from tests.support.logins import new_login
from tests.support.second_views import new_view
from tests.support.sql_worker import SqlWorker, enqueue, tree

NAMES = """
    select r.name || ':' || string_agg(v.name, ',' order by v.root) from pgdex.repositories r
    join pgdex.views v on v.repository_id = r.id group by r.id
"""


@pytest.fixture
def no_workers(database_url: str) -> Iterator[Environment]:
    """The environment of a login under which commands start no workers, which would do the jobs of these tests."""
    with new_login(database_url, "pgdex_client") as url:
        yield {"PGDEX_DATABASE_URL": url}


def failed(connection: Connection, root: str, **arguments: Any) -> UUID:
    """A job that failed."""
    job = enqueue(connection, root, **arguments)
    worker = SqlWorker(connection)
    worker.drop(worker.take().wake_up)
    connection.execute("select pgdex.fail_job(%s, 'no good', 'SomeError')", [job])
    return job


def test_a_repository_is_renamed_with_the_view_that_has_its_name(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection, "/srv/web")
    new_view(connection, of="/srv/web", root="/srv/fix")

    done = run_pgdex("rename", "web", " shop ", "--json")

    assert done.json == {
        "repo_path": "/srv/web",
        "project_id": "default",
        "renamed": "repository",
        "previous_name": "web",
        "name": "shop",
    }
    assert value(connection, NAMES) == "shop:fix,shop"
    assert run_pgdex("rename", "web", "other").code == ExitCode.USAGE
    enqueue(connection, "/srv/web")
    assert value(connection, NAMES) == "shop:fix,shop", "a later job does not take it back"


def test_a_view_is_renamed_and_its_repository_keeps_its_name(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection, "/srv/web")
    new_view(connection, of="/srv/web", root="/srv/fix")
    assert "view fix is hotfix from now on" in run_pgdex("rename", "/srv/fix", "hotfix", "--view").out
    assert value(connection, NAMES) == "web:hotfix,web"
    refused = run_pgdex("rename", "web", "other", "--view")
    assert refused.code == ExitCode.USAGE
    assert "/srv/fix" in refused.err


def test_a_name_that_is_none_is_refused(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection, "/srv/web")
    for name in ("a\x1b[31mb", "x" * 201):
        refused = run_pgdex("rename", "web", name)
        assert refused.code == ExitCode.USAGE
        assert "1 to 200 characters" in refused.err
        assert "\x1b" not in refused.err
    assert value(connection, NAMES) == "web:web"


def test_a_failed_job_is_asked_for_again_with_its_settings(
    run_pgdex: Run, connection: Connection, no_workers: Environment
) -> None:
    job = failed(connection, "/srv/web", force=True, embedder="hashing:32", no_ignore=True)

    done = run_pgdex("retry", str(job)[:8], "--json", env=no_workers)

    assert (done.code, done.json["errors"]) == (ExitCode.DONE, [])
    (new,) = done.json["jobs"]
    assert (new["retried_job_id"], new["already_running"], new["repo_path"]) == (str(job), False, "/srv/web")
    assert new["job_id"] != str(job)
    row = connection.execute(
        "select j.force_reindex, j.embedder, v.no_ignore, j.project_id from pgdex.indexing_jobs j"
        " join pgdex.views v on v.id = j.view_id where j.id = %s",
        [new["job_id"]],
    ).fetchone()
    assert row == (True, "hashing:32", True, "default")
    assert value(connection, "select status from pgdex.indexing_jobs where id = %s", job) == "failed"


def test_every_last_job_that_failed_is_retried_and_no_other(
    run_pgdex: Run, connection: Connection, no_workers: Environment
) -> None:
    first, second = failed(connection, "/srv/a"), failed(connection, "/srv/b")
    failed(connection, "/srv/mended")
    enqueue(connection, "/srv/mended")
    SqlWorker(connection).work_all(tree(1))
    failed(connection, "/srv/running")
    enqueue(connection, "/srv/running")
    failed(connection, "/srv/other", project="secret")
    cancelled = enqueue(connection, "/srv/cancelled")
    connection.execute("select pgdex.cancel_job(%s)", [cancelled])

    done = run_pgdex("retry", "--failed", "--json", env=no_workers).json

    assert [one["retried_job_id"] for one in done["jobs"]] == [str(first), str(second)]
    assert "Nothing to retry" in run_pgdex("retry", "--failed", env=no_workers).err


def test_a_cancelled_job_is_retried_and_others_are_refused(
    run_pgdex: Run, connection: Connection, no_workers: Environment
) -> None:
    job = enqueue(connection, "/srv/a")
    refused = run_pgdex("retry", str(job), env=no_workers)
    assert (refused.code, "nothing to retry" in refused.err) == (ExitCode.USAGE, True)
    connection.execute("select pgdex.cancel_job(%s)", [job])
    assert run_pgdex("retry", str(job), env=no_workers).code == ExitCode.DONE
    enqueue(connection, "/srv/b")
    SqlWorker(connection).work_all(tree(1))
    done = value(connection, "select id from pgdex.indexing_jobs where status = 'completed' limit 1")
    assert run_pgdex("retry", str(done), env=no_workers).code == ExitCode.FINAL
    assert run_pgdex("retry", env=no_workers).code == ExitCode.USAGE
    assert run_pgdex("retry", "last", "--failed", env=no_workers).code == ExitCode.USAGE


def test_a_retry_joins_the_live_job_of_its_view(
    run_pgdex: Run, connection: Connection, no_workers: Environment
) -> None:
    job = failed(connection, "/srv/a")
    live = enqueue(connection, "/srv/a")
    (joined,) = run_pgdex("retry", str(job), "--json", env=no_workers).json["jobs"]
    assert (joined["job_id"], joined["already_running"]) == (str(live), True)
