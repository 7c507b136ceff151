"""Transactions that others leave open: someone types BEGIN in psql, a statement, and goes for lunch."""

import pytest

from pgdex.jobs.database.connection import Connection, connect
from tests.integration.roles.members import CLIENT, logged_in
from tests.support.databases import settings_for
from tests.support.job_checks import admitted, refused, value
from tests.support.sql_worker import SqlWorker, enqueue, tick, tree


def test_an_enqueue_in_an_open_transaction_holds_nobody_else_up(connection: Connection, database_url: str) -> None:
    for number in range(4):
        enqueue(connection, f"/repo{number}")
    worker = SqlWorker(connection)
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        enqueue(psql, "/lunch", project="new", then_admit=False)
        assert tick(connection, worker.id) is True
        first = worker.take()
        connection.execute("select pgdex.cancel_job(%s)", [first.wake_up.job_id])
        enqueue(connection, "/repo9", project="new")
        assert admitted(connection) == ["/repo1", "/repo2", "/repo9"], "into a project that both have just made"
        psql.execute("rollback")


@pytest.mark.parametrize("ending", ["cancel_job(%s)", "fail_job(%s, 'no good', 'SomeError')"])
def test_an_end_in_an_open_transaction_keeps_nobody_from_being_let_in(
    connection: Connection, database_url: str, ending: str
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection, "/held")
    worker.take()
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        psql.execute(f"select pgdex.{ending}", [job_id])
        enqueue(connection, "/other", then_admit=False)
        assert tick(connection, worker.id) is True
        assert admitted(connection) == ["/held", "/other"]
        psql.execute("rollback")


def test_two_first_requests_for_one_repository_wait_three_seconds_at_most_and_say_why(
    connection: Connection, database_url: str
) -> None:
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        enqueue(psql, then_admit=False)
        connection.execute("set statement_timeout = '20s'")
        with refused("55P03", saying="/repo is locked by another transaction"):
            enqueue(connection)
        psql.execute("rollback")
    enqueue(connection)


def test_what_a_reader_and_a_client_can_lock_keeps_no_job_from_being_let_in(
    connection: Connection, database_url: str
) -> None:
    enqueue(connection, "/held", then_admit=False)
    worker = SqlWorker(connection)
    connection.execute("set statement_timeout = '3s'")
    with logged_in(database_url, CLIENT) as client:
        for name in ("admit_jobs", "heal_batches", "reclaim_batches", "remove_old_jobs", "claim_probes"):
            client.execute("select pg_advisory_lock(hashtext('pgdex.' || %s))", [name])
        client.execute("select pg_advisory_lock(pgdex.worker_lock_class(), n) from generate_series(1, 20) n")
        client.execute("begin")
        client.execute("lock table pgdex.indexing_jobs, pgdex.settings, pgdex.projects in access share mode")
        with refused("42501"), client.transaction():
            client.execute("select from pgdex.cluster_duties for key share")
        enqueue(connection, "/free", then_admit=False)
        assert tick(connection, worker.id) is True
        assert admitted(connection) == ["/held", "/free"]
        claim = worker.take()
        worker.drop(claim.wake_up)
        assert value(connection, "select pgdex.heal_batches()") == 1


def test_a_cancellation_in_an_open_transaction_holds_up_its_own_job_only(
    connection: Connection, database_url: str
) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    held, free = enqueue(connection, "/held"), enqueue(connection, "/free")
    claims = [worker.take(), worker.take()]
    worker.die()
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        psql.execute("select pgdex.cancel_job(%s)", [held])
        assert tick(connection, peer.id) is True
        connection.execute("select pgdex.heal_batches()")
        assert peer.take().wake_up.job_id == free
        psql.execute("rollback")
    assert not worker.release(claims[1])
    tick(connection, peer.id)
    assert peer.take().wake_up.job_id == held
    assert tick(connection, worker.id) is False


def test_a_repository_that_is_being_planned_does_not_hold_up_requests_for_it(
    connection: Connection, database_url: str
) -> None:
    job_id = enqueue(connection)
    claim = SqlWorker(connection).take()
    with connect(settings_for(database_url)) as planner, planner.transaction(force_rollback=True):
        SqlWorker(planner).plan(claim, tree(3))
        connection.execute("set statement_timeout = '3s'")
        assert enqueue(connection, name="other name") == job_id
