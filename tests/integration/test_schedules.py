"""Schedules: views that are indexed again and again, by the database's clock, once for each time that is due."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.naming import view_meant
from pgdex.jobs.client.schedules import remove_schedule, schedules, set_schedule
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.worker.schedules import enqueue_due
from tests.support.databases import settings_for
from tests.support.git_repositories import Repository
from tests.support.job_checks import refused, value
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.waiting import wait_for
from tests.support.workers import Workers

QUARTERLY = "*/15 * * * *"
VIEW = "select id from pgdex.views where root = %s"
ROW: dict[str, str] = {
    "next": "extract(epoch from next_at - clock_timestamp())::float8",
    "failures": "failures",
    "error": "error",
}


def scheduled(
    connection: Connection, root: str = "/srv/app", *, minutes_ago: float = 0, expression: str = QUARTERLY
) -> int:
    """A view that is indexed, with a schedule that was due some minutes ago."""
    job = enqueue(connection, root)
    SqlWorker(connection).work_all(tree(1))
    assert value(connection, "select status from indexing_jobs where id = %s", job) == "completed"
    view = value(connection, VIEW, root)
    connection.execute(
        "select pgdex.schedule_view(%s, %s, clock_timestamp() - %s * interval '1 minute')",
        [view, expression, minutes_ago],
    )
    return int(view)


def schedule_of(connection: Connection, view: int) -> dict[str, Any]:
    row = connection.execute(
        f"select {', '.join(ROW.values())} from pgdex.schedules where view_id = %s".encode(), [view]
    ).fetchone()
    assert row is not None
    return dict(zip(ROW, row, strict=True))


def jobs_of(connection: Connection, view: int) -> int:
    return int(value(connection, "select count(*) from indexing_jobs where view_id = %s", view))


def fail(connection: Connection, view: int, message: str = "no such branch") -> None:
    """Run the view's live job to its end, which is a failure."""
    connection.execute("select pgdex.admit_jobs()")
    connection.execute("update indexing_jobs set status = 'running' where view_id = %s and status = 'pending'", [view])
    job = value(connection, "select id from indexing_jobs where view_id = %s and status = 'running'", view)
    assert value(connection, "select pgdex.fail_job(%s, %s, 'RefNotFound')", job, message)


def test_a_schedule_that_is_due_enqueues_one_job_and_is_next_due_at_its_next_time(connection: Connection) -> None:
    view = scheduled(connection, minutes_ago=3)
    assert enqueue_due(connection) == 1
    assert jobs_of(connection, view) == 2
    assert 0 < schedule_of(connection, view)["next"] <= 900
    SqlWorker(connection).work_all(tree(1))
    assert enqueue_due(connection) == 0


def test_runs_that_were_missed_are_made_up_for_once(connection: Connection) -> None:
    view = scheduled(connection, minutes_ago=3 * 24 * 60)
    assert enqueue_due(connection) == 1
    SqlWorker(connection).work_all(tree(1))
    assert enqueue_due(connection) == 0
    assert jobs_of(connection, view) == 2


def test_a_schedule_that_is_not_due_waits_also_where_a_worker_thinks_otherwise(connection: Connection) -> None:
    view = scheduled(connection, minutes_ago=-10)
    assert enqueue_due(connection) == 0
    assert jobs_of(connection, view) == 1


def test_a_time_that_a_wrong_clock_has_left_far_ahead_is_corrected(connection: Connection) -> None:
    view = scheduled(connection, minutes_ago=-365 * 24 * 60)
    assert enqueue_due(connection) == 0
    assert 0 < schedule_of(connection, view)["next"] <= 900


def test_a_view_that_is_being_indexed_is_not_asked_for_again_and_its_turn_comes_afterwards(
    connection: Connection,
) -> None:
    view = scheduled(connection, minutes_ago=1)
    live = enqueue(connection, "/srv/app")
    assert enqueue_due(connection) == 0
    SqlWorker(connection).work_all(tree(1))
    assert value(connection, "select status from indexing_jobs where id = %s", live) == "completed"
    assert enqueue_due(connection) == 1
    assert jobs_of(connection, view) == 3


def test_many_workers_at_once_enqueue_each_schedule_once(connection: Connection, database_url: str) -> None:
    views = [scheduled(connection, f"/srv/{number}", minutes_ago=1) for number in range(8)]

    def look(_: int) -> int:
        with connect(settings_for(database_url)) as own:
            return enqueue_due(own)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(look, range(6))) == 8
    assert [jobs_of(connection, view) for view in views] == [2] * 8


def test_failures_back_off_up_to_an_hour_and_a_success_ends_that(connection: Connection) -> None:
    view = scheduled(connection, expression="* * * * *", minutes_ago=1)
    waits = []
    for failures in range(1, 9):
        assert enqueue_due(connection) == 1
        fail(connection, view)
        found = schedule_of(connection, view)
        assert (found["failures"], found["error"]) == (failures, "no such branch")
        waits.append(round(found["next"] / 60))
        assert enqueue_due(connection) == 0, "it waits"
        connection.execute("update schedules set next_at = clock_timestamp()")
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert enqueue_due(connection) == 1
    SqlWorker(connection).work_all(tree(1))
    found = schedule_of(connection, view)
    assert (found["failures"], found["error"]) == (0, None)
    assert found["next"] <= 60


def test_a_failure_never_brings_the_next_time_forward(connection: Connection) -> None:
    view = scheduled(connection, expression="0 3 1 1 *", minutes_ago=1)
    assert enqueue_due(connection) == 1
    before = schedule_of(connection, view)["next"]
    fail(connection, view)
    assert abs(schedule_of(connection, view)["next"] - before) < 5


def test_a_view_that_is_removed_loses_its_schedule(connection: Connection) -> None:
    view = scheduled(connection, minutes_ago=1)
    connection.execute("select pgdex.remove_view(%s)", [view])
    assert value(connection, "select count(*) from pgdex.schedules") == 0
    assert enqueue_due(connection) == 0
    with refused("PX005", saying="no view"):
        connection.execute("select pgdex.schedule_view(%s, %s)", [view, QUARTERLY])


def test_a_schedule_made_in_sql_gets_its_first_time_from_a_worker(connection: Connection) -> None:
    view = scheduled(connection)
    connection.execute("select pgdex.schedule_view(%s, '  */15  * * * *')", [view])
    assert schedule_of(connection, view)["next"] is None
    assert enqueue_due(connection) == 0
    assert 0 < schedule_of(connection, view)["next"] <= 900


@pytest.mark.parametrize("expression", ["", "* * * *", "@daily", "* * * * * *", "a'b * * * *", "x" * 300, None])
def test_sql_refuses_what_is_no_cron_expression(connection: Connection, expression: str | None) -> None:
    view = scheduled(connection)
    with refused("PX005", saying="five fields"):
        connection.execute("select pgdex.schedule_view(%s, %s)", [view, expression])


def test_an_expression_that_only_workers_can_tell_to_be_wrong_is_shown_and_stops_no_other(
    connection: Connection, client: Client
) -> None:
    wrong, right = scheduled(connection, "/a", minutes_ago=1), scheduled(connection, "/b", minutes_ago=1)
    connection.execute("select pgdex.schedule_view(%s, '61 * * * *')", [wrong])
    assert enqueue_due(connection) == 1
    assert jobs_of(connection, right) == 2
    assert "out of range" in str(next(one for one in schedules(client, project=None) if one.view_id == wrong).error)


def test_a_view_is_named_by_its_path_its_name_or_its_address(client: Client, connection: Connection) -> None:
    view = scheduled(connection, "/srv/app")
    other = "https://git.example.com/team/lib.git"
    enqueue(connection, other)
    for text in ("/srv/app", "/srv/app/", "app"):
        assert view_meant(client.connection, text, project="default").id == view
    assert view_meant(client.connection, "https://GIT.example.com:443/team/lib.git", project="default").root == other
    with pytest.raises(InvalidRequest, match="not in the index"):
        view_meant(client.connection, "nothing", project="default")
    enqueue(connection, "/other/app")
    with pytest.raises(InvalidRequest, match="2 views are called app"):
        view_meant(client.connection, "app", project="default")


def test_setting_listing_and_ending_a_schedule(client: Client, connection: Connection) -> None:
    scheduled(connection)
    view = view_meant(client.connection, "app", project="default")
    one = set_schedule(client, view, " 30 3 * * * ")
    assert one.next_at is not None
    assert (one.expression, one.next_at.minute, one.failures) == ("30 3 * * *", 30, 0)
    assert schedules(client, project="default") == [one]
    assert schedules(client, project="other") == []
    with pytest.raises(InvalidRequest, match="out of range"):
        set_schedule(client, view, "99 * * * *")
    assert remove_schedule(client, view) == "30 3 * * *"
    with pytest.raises(InvalidRequest, match="has no schedule"):
        remove_schedule(client, view)


def test_workers_run_what_is_due_without_being_asked(client: Client, workers: Workers, tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "app")
    repository.commit({"a.py": "def first(): pass\n"})
    job = client.start(repository.path)
    connection = client.connection
    connection.execute(
        "select pgdex.schedule_view(view_id, %s, clock_timestamp()) from indexing_jobs where id = %s",
        [QUARTERLY, job.job_id],
    )
    workers.start(2)
    ended = "select count(*) from indexing_jobs where status = 'completed'"
    # A worker that starts makes up for the minute that has begun; once its first job has ended, the next minute's look.
    wait_for(lambda: value(connection, ended) == 2, what=f"the schedule's job{workers.logs()}", seconds=100)
    assert value(connection, "select last_job_id is not null from schedules") is True
    tasks = "select count(*) from procrastinate_jobs"  # a worker removes its own after the job has ended
    wait_for(lambda: value(connection, tasks) == 0, what="the end of procrastinate's jobs")
