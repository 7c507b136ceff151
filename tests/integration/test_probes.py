"""Probes of services that are away: how often, how long, and whose."""

from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.job_checks import job_in, value
from tests.support.sql_worker import SqlWorker, enqueue, tree


def test_a_service_that_answers_probes_and_not_the_work_is_asked_less_and_less_and_the_wait_counts_from_its_beginning(
    connection: Connection,
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(4))
    look = "select probe_number, probe_wait, seconds_waited from pgdex.indexing_jobs"
    for turn, delay in enumerate((1, 2, 4, 8, 15, 15)):
        claim = worker.take()
        worker.release(claim)
        connection.execute("select pgdex.block_job(%s, 'the service is away', 0)", [job_id])
        number, wait, waited = connection.execute(look).fetchone() or (0, 0, 0)
        assert (wait, waited) == (delay, 2.5 * turn)
        claimed = "select job_id, seconds from pgdex.claim_probes(%s, %s, %s)"
        assert connection.execute(claimed, [[job_id], [number - 1], [9.9]]).fetchall() == [], "a peer was first"
        assert connection.execute(claimed, [[job_id], [number], [2.5]]).fetchall() == [(job_id, 2.5 * (turn + 1))]
        assert connection.execute(claimed, [[job_id], [number], [2.5]]).fetchall() == []
        connection.execute("select pgdex.resume_job(%s)", [job_id])
        connection.execute("select pgdex.admit_jobs()")
    worker.complete(worker.take())
    assert connection.execute("select seconds_waited, probe_delay from indexing_jobs").fetchone() == (0, 1)


def test_a_failed_probe_doubles_the_wait_but_not_beyond_the_moment_in_which_the_job_is_given_up(
    connection: Connection,
) -> None:
    job_id = job_in(connection, "blocked")
    look = "select probe_wait, seconds_waited from pgdex.indexing_jobs"
    for failed, expected in (((0, 0.5), (2, 0.5)), ((600, 0.5), (600, 1)), ((600, 1, 100), (98, 2)), ((0, 0), (15, 2))):
        placeholders = ", ".join(["%s"] * len(failed))
        connection.execute(f"select pgdex.probe_failed(%s, {placeholders})", [[job_id], *failed])
        assert connection.execute(look).fetchone() == expected


def test_a_probe_leaves_jobs_alone_that_someone_has_locked(connection: Connection, database_url: str) -> None:
    held, free = job_in(connection, "blocked", "/held"), job_in(connection, "blocked", "/free")
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql, psql.transaction(force_rollback=True):
        psql.execute("select pgdex.cancel_job(%s)", [held])
        rows = connection.execute(
            "select job_id from pgdex.claim_probes(%s, %s, %s)", [[held, free], [1, 1], [2.0, 2.0]]
        ).fetchall()
        connection.execute("select pgdex.probe_failed(%s)", [[held, free]])
    assert rows == [(free,)]
    numbers: dict[str, int] = dict(
        connection.execute("select repo_path, probe_number from pgdex.indexing_jobs").fetchall()
    )
    assert numbers == {"/held": 1, "/free": 3}


def test_a_date_that_a_service_asks_for_is_kept_within_a_day(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(4))
    worker.release(worker.take())
    connection.execute("select pgdex.block_job(%s, 'the service is away', 1e300)", [job_id])
    connection.execute("select pgdex.probe_failed(%s, 1e300)", [[job_id]])
    assert value(connection, "select next_probe_at < now() + interval '25 hours' from indexing_jobs") is True
    assert value(connection, "select probe_wait from indexing_jobs") == 86_400
