"""Jobs that some workers don't see, in SQL: who is handed what, and when a job is given up."""

import pytest

from pgdex.jobs.database.connection import Connection
from tests.support.job_checks import events_of, status_of, value
from tests.support.sql_worker import Claim, SqlWorker, enqueue, reclaim, tree

ROUNDS = 10
FAILED = "select count(*) from pgdex.indexing_jobs where status = 'failed'"


def leave(worker: SqlWorker, claim: Claim, *, reason: str = "not mounted", fails: bool = True) -> str:
    row = worker.connection.execute(
        "select pgdex.leave_batch_to_others(%s, %s, %s, %s, 'RootUnavailable', null, %s)", [*claim.key, reason, fails]
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_a_worker_is_handed_nothing_more_of_a_job_that_it_does_not_see_and_all_of_others(
    connection: Connection,
) -> None:
    blind, good = SqlWorker(connection), SqlWorker(connection)
    unseen, other = enqueue(connection, "/unseen"), enqueue(connection, "/other")
    assert leave(blind, blind.take()) == "left"

    assert blind.take().wake_up.job_id == other
    assert blind.fetch() is None
    claim = good.take()
    assert claim.wake_up.job_id == unseen
    good.plan(claim, tree(6))
    assert blind.fetch() is None
    good.drop(claim.wake_up)
    good.work_all(tree(6))
    assert status_of(connection, unseen) == "completed"
    assert [event for event in events_of(connection, unseen) if event != "progress"] == [
        *("created", "started", "unseen", "scanned", "completed")
    ]


def test_the_next_job_of_the_repository_is_offered_to_it_again(connection: Connection) -> None:
    blind, good = SqlWorker(connection), SqlWorker(connection)
    enqueue(connection)
    leave(blind, blind.take())
    good.work_all(tree(2))
    again = enqueue(connection)
    assert blind.take().wake_up.job_id == again


@pytest.mark.parametrize("reasons", [("not mounted", "not mounted"), ("not mounted", "not allowed")])
def test_a_job_fails_when_the_last_living_worker_leaves_it_too(
    connection: Connection, reasons: tuple[str, str]
) -> None:
    workers = [SqlWorker(connection), SqlWorker(connection)]
    dead = SqlWorker(connection)
    dead.die()
    reclaim(connection)
    job = enqueue(connection)
    outcomes = [leave(worker, worker.take(), reason=reason) for worker, reason in zip(workers, reasons, strict=True)]

    assert outcomes == ["left", "failed"]
    assert status_of(connection, job) == "failed"
    message = value(connection, "select error_message from pgdex.indexing_jobs where id = %s", job)
    if len(set(reasons)) == 1:
        assert message == "not mounted"
    else:
        assert message == (
            f"None of the workers can index /repo. alive (worker {workers[0].id}): not mounted; "
            f"alive (worker {workers[1].id}): not allowed"
        )


def test_who_is_alone_may_go_on(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job = enqueue(connection)
    claim = worker.take()
    assert leave(worker, claim, fails=False) == "alone"
    worker.plan(claim, [])
    assert value(connection, "select unseen_by from pgdex.indexing_jobs where id = %s", job) == {}


def test_a_stale_claim_leaves_nothing(connection: Connection) -> None:
    worker, other = SqlWorker(connection), SqlWorker(connection)
    job = enqueue(connection)
    claim = worker.take()
    assert worker.release(claim)
    assert leave(worker, claim) == "stale"
    other.take()
    assert leave(worker, claim) == "stale"
    assert value(connection, "select unseen_by from pgdex.indexing_jobs where id = %s", job) == {}


def rounds(connection: Connection, count: int = ROUNDS) -> int:
    """How many jobs are given up in that many rounds of healing, which takes two seconds each."""
    before = value(connection, FAILED)
    for _ in range(count):
        connection.execute("select pgdex.heal_batches()")
    after = value(connection, FAILED)
    assert isinstance(before, int)
    assert isinstance(after, int)
    return after - before


def test_a_job_is_given_up_when_those_who_might_see_it_are_gone_for_a_while_and_others_live(
    connection: Connection,
) -> None:
    blind, good = SqlWorker(connection), SqlWorker(connection)
    job = enqueue(connection)
    leave(blind, blind.take())
    assert rounds(connection) == 0
    good.die()
    assert rounds(connection) == 0, "its peers have not evicted it yet"
    reclaim(connection)
    assert rounds(connection, ROUNDS - 1) == 0
    assert rounds(connection, 1) == 1
    assert status_of(connection, job) == "failed"


def test_a_job_waits_for_the_successor_of_a_worker_that_was_killed(connection: Connection) -> None:
    """Its supervisor needs some seconds, in which only those are left that do not see the folder."""
    good, blind = SqlWorker(connection), SqlWorker(connection)
    job = enqueue(connection)
    good.plan(good.take(), tree(6))
    good.take()
    good.die()
    reclaim(connection)
    assert leave(blind, blind.take()) == "left"
    assert rounds(connection, ROUNDS - 1) == 0

    successor = SqlWorker(connection)
    assert rounds(connection) == 0
    successor.die()
    reclaim(connection)
    assert rounds(connection, ROUNDS - 1) == 0, "it is counted from when the successor has gone"
    SqlWorker(connection).work_all(tree(6))
    assert status_of(connection, job) == "completed"


def test_a_job_does_not_wait_for_ever_for_a_successor(connection: Connection) -> None:
    good, blind = SqlWorker(connection), SqlWorker(connection)
    job = enqueue(connection)
    good.plan(good.take(), tree(6))
    good.die()
    reclaim(connection)
    assert leave(blind, blind.take()) == "left"
    assert rounds(connection) == 1
    assert status_of(connection, job) == "failed"
    assert value(connection, "select error_message from pgdex.indexing_jobs where id = %s", job) == "not mounted"
