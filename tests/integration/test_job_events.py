"""A job's history and its notifications, and what a cancellation does."""

import json
from uuid import uuid4

import pytest

from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.job_checks import FINAL, ILLEGAL_CHANGE, STATUSES, events_of, job_in, refused, value
from tests.support.sql_worker import SqlWorker, enqueue, tree


@pytest.mark.parametrize("status", ["running", "completed"])
def test_history_cannot_be_rewritten(connection: Connection, status: str) -> None:
    job_in(connection, status)
    for change in ("update pgdex.job_events set event_type = 'x'", "delete from pgdex.job_events"):
        with refused(ILLEGAL_CHANGE, saying="history"):
            connection.execute(change)


def test_an_event_goes_out_when_its_transaction_commits(connection: Connection, database_url: str) -> None:
    with connect(settings_for(database_url)) as listener:
        listener.execute("listen pgdex_events")
        with connection.transaction():
            job_id = enqueue(connection)
            assert list(listener.notifies(timeout=0.1)) == []
        (notification,) = listener.notifies(timeout=5, stop_after=1)
    row = connection.execute(
        "select id, event_type, event_data, created_at from pgdex.job_events where job_id = %s", [job_id]
    ).fetchone()
    assert row is not None
    payload = json.loads(notification.payload)
    assert payload.pop("created_at").startswith(row[3].date().isoformat())
    assert payload == {"event_id": row[0], "job_id": str(job_id), "event_type": "created", "data": row[2]}


def test_a_transaction_that_is_rolled_back_leaves_no_event_and_sends_none(
    connection: Connection, database_url: str
) -> None:
    job_id = job_in(connection, "running")
    with connect(settings_for(database_url)) as listener:
        listener.execute("listen pgdex_events")
        with connection.transaction(force_rollback=True):
            connection.execute("select pgdex.cancel_job(%s)", [job_id])
        connection.execute("select pg_notify('pgdex_events', 'after')")
        assert [n.payload for n in listener.notifies(timeout=5, stop_after=1)] == ["after"]
    assert events_of(connection, job_id) == ["created", "started"]


def test_every_transition_is_announced_in_order(connection: Connection, database_url: str) -> None:
    with connect(settings_for(database_url)) as listener:
        listener.execute("listen pgdex_events")
        job_id = job_in(connection, "blocked")
        connection.execute("select pgdex.resume_job(%s)", [job_id])
        connection.execute("select pgdex.admit_jobs()")
        connection.execute("select pgdex.cancel_job(%s)", [job_id])
        announced = [json.loads(n.payload) for n in listener.notifies(timeout=5, stop_after=5)]
    assert [event["event_type"] for event in announced] == ["created", "started", "blocked", "resumed", "cancelled"]
    assert [event["data"]["status"] for event in announced] == ["pending", "running", "blocked", "running", "cancelled"]
    assert announced[2]["data"]["blocked_reason"] == "service is away"


@pytest.mark.parametrize("letter", ["x", "é", "😀", '"', "\n"])
def test_an_event_too_large_for_a_notification_is_sent_without_its_data(
    connection: Connection, database_url: str, letter: str
) -> None:
    job_id = job_in(connection, "running")
    message = letter * 20_000
    with connect(settings_for(database_url)) as listener:
        listener.execute("listen pgdex_events")
        connection.execute("select pgdex.fail_job(%s, %s, 'SomeError')", [job_id, message])
        connection.execute(
            "insert into pgdex.job_events (job_id, event_type, event_data) values (%s, 'noted', %s)",
            [job_id, json.dumps({"text": message})],
        )
        failed, noted = (json.loads(n.payload) for n in listener.notifies(timeout=5, stop_after=2))
    assert value(connection, "select error_message from pgdex.job_status where job_id = %s", job_id) == message
    assert failed["event_type"] == "failed"
    assert set(noted) == {"event_id", "job_id", "event_type", "created_at"}
    stored = value(connection, "select event_data ->> 'text' from pgdex.job_events where id = %s", noted["event_id"])
    assert stored == message


def test_cancelling_an_unknown_job_says_so(connection: Connection) -> None:
    unknown = uuid4()
    with refused("PX001", saying=f"there is no job {unknown}"):
        connection.execute("select pgdex.cancel_job(%s)", [unknown])


@pytest.mark.parametrize("status", STATUSES)
def test_live_jobs_can_be_cancelled_once(connection: Connection, status: str) -> None:
    job_id = job_in(connection, status)
    if status not in FINAL:
        assert value(connection, "select pgdex.cancel_job(%s)", job_id) == status
        status = "cancelled"
    with refused(ILLEGAL_CHANGE, saying=f"already {status}"):
        connection.execute("select pgdex.cancel_job(%s)", [job_id])


def test_cancelling_keeps_what_was_committed_and_closes_the_rest(connection: Connection) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(8))
    worker.complete(worker.take())
    in_progress = peer.take()
    connection.execute("select pgdex.cancel_job(%s)", [job_id])

    assert value(connection, "select count(*) from pgdex.files") == 2
    assert value(connection, "select count(*) from procrastinate_jobs where status = 'todo'") == 0
    assert (
        value(connection, "select abort_requested from procrastinate_jobs where id = %s", in_progress.wake_up.id)
        is True
    )
    assert not peer.report(in_progress, "embedding", chunked=2)
    with refused("PX003"):
        peer.complete(in_progress)
    states = connection.execute("select state, count(*) from pgdex.job_batches group by 1 order by 1").fetchall()
    assert states == [("cancelled", 4), ("completed", 2)]

    enqueue(connection)
    worker.work(tree(8))
    assert connection.execute(
        "select files_to_index, files_unchanged from pgdex.indexing_jobs where status = 'running'"
    ).fetchone() == (6, 2)


def test_a_running_task_hears_of_the_cancellation(connection: Connection, database_url: str) -> None:
    job_id = job_in(connection, "running")
    with connect(settings_for(database_url)) as listener:
        listener.execute('listen "pgdex.procrastinate_queue_v1#pgdex"')
        connection.execute("select pgdex.cancel_job(%s)", [job_id])
        (notification,) = listener.notifies(timeout=5, stop_after=1)
    assert json.loads(notification.payload)["type"] == "abort_job_requested"
