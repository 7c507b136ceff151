"""Letting jobs in: three at once, the oldest first, and projects take turns."""

from uuid import UUID

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.job_checks import admitted, events_of, refused, status_of, value
from tests.support.sql_worker import SqlWorker, enqueue, tick


def test_the_fourth_job_waits_until_one_of_three_ends(connection: Connection) -> None:
    jobs = [enqueue(connection, f"/repo{number}") for number in range(5)]
    assert admitted(connection) == ["/repo0", "/repo1", "/repo2"]
    worker = SqlWorker(connection)
    claim = worker.take()
    connection.execute("select pgdex.fail_job(%s, 'no good', 'SomeError')", [claim.wake_up.job_id])
    assert tick(connection, worker.id)
    assert admitted(connection) == ["/repo1", "/repo2", "/repo3"]
    connection.execute("select pgdex.cancel_job(%s)", [jobs[1]])
    assert tick(connection, worker.id)
    assert admitted(connection) == ["/repo2", "/repo3", "/repo4"]


def test_a_blocked_job_gives_its_place_to_another_and_needs_one_again_to_go_on(connection: Connection) -> None:
    for number in range(5):
        enqueue(connection, f"/repo{number}")
    worker = SqlWorker(connection)
    claims = [worker.take() for _ in range(3)]
    for claim in claims:
        worker.release(claim)
        connection.execute("select pgdex.block_job(%s, 'service is away')", [claim.wake_up.job_id])
        worker.drop(claim.wake_up)
    assert tick(connection, worker.id)
    assert admitted(connection) == ["/repo3", "/repo4"], "three that wait for a service hold nobody up"
    blocked = claims[0].wake_up.job_id
    enqueue(connection, "/repo5")

    assert value(connection, "select pgdex.resume_job(%s)", blocked) is True
    assert value(connection, "select pgdex.resume_job(%s)", blocked) is False, "it waits for a place already"
    tick(connection, worker.id)
    assert status_of(connection, blocked) == "blocked", "there is none"
    enqueue(connection, "/repo6")
    other = value(connection, "select id from pgdex.indexing_jobs where repo_path = '/repo4'")
    connection.execute("select pgdex.cancel_job(%s)", [other])
    tick(connection, worker.id)

    assert status_of(connection, blocked) == "running", "before the job that is new"
    assert events_of(connection, blocked)[-1] == "resumed"
    assert "/repo6" not in admitted(connection)


# Projects take turns


def enqueue_many(connection: Connection, project: str, count: int) -> None:
    connection.execute(
        "select pgdex.enqueue_job('/' || %s || n, project => %s) from generate_series(1, %s) n",
        [project, project, count],
    )


def let_one_in(connection: Connection) -> str:
    """End a job that has a place; the path of the one that gets it."""
    before = set(admitted(connection))
    connection.execute(
        "select pgdex.cancel_job(id) from pgdex.indexing_jobs where repo_path = %s and status <> 'cancelled'",
        [min(before)],
    )
    connection.execute("select pgdex.admit_jobs()")
    (path,) = set(admitted(connection)) - before
    return path


def test_three_thousand_jobs_of_one_project_do_not_hold_anothers_first(connection: Connection) -> None:
    enqueue_many(connection, "a", 3000)
    connection.execute("select pgdex.admit_jobs()")
    enqueue_many(connection, "b", 2)
    assert let_one_in(connection) == "/b1"
    assert let_one_in(connection) == "/a4"
    enqueue_many(connection, "c", 1)
    assert [let_one_in(connection) for _ in range(4)] == ["/c1", "/b2", "/a5", "/a6"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_number_of_jobs_before_one_is_the_number_that_are_let_in_earlier(
    connection: Connection, data: st.DataObject
) -> None:
    with connection.transaction(force_rollback=True):
        for _ in range(data.draw(st.integers(1, 6))):
            project = data.draw(st.sampled_from("abcd"))
            start = value(connection, "select count(*) from pgdex.repositories")
            connection.execute(
                "select pgdex.enqueue_job('/r' || %s + n, project => %s) from generate_series(1, %s) n",
                [start, project, data.draw(st.integers(1, 5))],
            )
            if data.draw(st.booleans()):
                connection.execute("select pgdex.admit_jobs()")
        connection.execute("select pgdex.admit_jobs()")
        told: dict[UUID, int] = dict(
            connection.execute(
                "select j.id, pgdex.jobs_before(j) from pgdex.indexing_jobs j where j.waits_for_admission"
            ).fetchall()
        )
        assert len(told) == len(set(told.values())), "no two have the same place in the queue"
        order: list[UUID] = []
        while len(order) < len(told):
            connection.execute(
                "select pgdex.cancel_job(id) from pgdex.indexing_jobs where admitted_at is not null"
                " and status = 'pending' limit 1"
            )
            connection.execute("select pgdex.admit_jobs()")
            rows = connection.execute(
                "select id from pgdex.indexing_jobs"
                " where admitted_at is not null and not id = any(%s) and id = any(%s)",
                [order, list(told)],
            ).fetchall()
            order += [row[0] for row in rows]
        assert [told[job] for job in order] == list(range(3, 3 + len(order)))


def test_the_text_counts_no_further_than_a_thousand(connection: Connection) -> None:
    enqueue_many(connection, "a", 1200)
    connection.execute("select pgdex.admit_jobs()")
    texts = connection.execute(
        "select pgdex.job_message(j) from pgdex.indexing_jobs j"
        " where repo_path in ('/a4', '/a1200') order by queue_number"
    ).fetchall()
    assert [row[0] for row in texts] == [
        "Waiting for its turn: 3 jobs are before it",
        "Waiting for its turn: 1,000 jobs or more are before it",
    ]


def test_a_clock_that_goes_back_does_not_reorder_the_queue(connection: Connection) -> None:
    for number in range(5):
        enqueue(connection, f"/repo{number}")
    connection.execute("alter table pgdex.indexing_jobs disable trigger user")
    connection.execute("update pgdex.indexing_jobs set created_at = now() + interval '4 h' where repo_path = '/repo3'")
    connection.execute("alter table pgdex.indexing_jobs enable trigger user")
    assert let_one_in(connection) == "/repo3"


def test_raising_the_limit_lets_more_in_on_the_next_tick(connection: Connection) -> None:
    for number in range(6):
        enqueue(connection, f"/repo{number}")
    connection.execute("select pgdex.set_setting('max_concurrent_jobs', '5')")
    connection.execute("select pgdex.admit_jobs()")
    assert len(admitted(connection)) == 5
    connection.execute("select pgdex.set_setting('max_concurrent_jobs', '1')")
    assert len(admitted(connection)) == 5, "nobody is thrown out"


def test_a_limit_that_is_no_positive_number_is_refused(connection: Connection) -> None:
    for number in ("0", "-1", "", "three", "1.5", "1000000", None):
        with refused("PX005", saying="max_concurrent_jobs must be a positive whole number"):
            connection.execute("select pgdex.set_setting('max_concurrent_jobs', %s)", [number])


def test_only_known_settings_can_be_set(connection: Connection) -> None:
    for name in ("speed", "schema_version", None):
        with refused("PX005", saying="unknown setting"):
            connection.execute("select pgdex.set_setting(%s, '1')", [name])


def test_a_lost_admission_is_made_up_for_by_the_next_tick(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    connection.execute("update pgdex.indexing_jobs set admitted_at = null")
    connection.execute("delete from procrastinate_jobs")
    assert tick(connection, worker.id) is True
    assert admitted(connection) == ["/repo"]
    worker.take()


def test_enqueue_and_an_end_wake_workers_up_to_let_jobs_in(connection: Connection, database_url: str) -> None:
    with connect(settings_for(database_url)) as listener:
        listener.execute("listen pgdex_wake")
        job_id = enqueue(connection)
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1
        connection.execute("select pgdex.cancel_job(%s)", [job_id])
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1
