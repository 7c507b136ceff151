"""In what order work is taken, what becomes of a dead worker's, and that no commit counts twice."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest

from pgdex.jobs.database.connection import Connection, connect
from tests.support.at_once import at_once
from tests.support.databases import settings_for
from tests.support.job_checks import events_of, refused, status_of, value
from tests.support.sql_worker import SqlWorker, enqueue, reclaim, tick, tree

# Fairness


def test_running_jobs_take_turns(connection: Connection) -> None:
    worker = SqlWorker(connection)
    jobs = [enqueue(connection, path) for path in ("/a", "/b")]
    for _ in jobs:
        worker.work(tree(12))
    taken = [worker.take().wake_up.job_id for _ in range(12)]
    assert taken == jobs * 6


def test_a_small_job_enqueued_later_is_through_long_before_a_large_one(connection: Connection) -> None:
    worker = SqlWorker(connection)
    large = enqueue(connection, "/large")
    for _ in range(21):
        worker.work(tree(200))
    small = enqueue(connection, "/small")
    for _ in range(1 + 3 + 1):
        worker.work(tree(6))
    assert status_of(connection, small) == "completed"
    assert value(connection, "select batches_left from pgdex.indexing_jobs where id = %s", large) == 80


# Wake-ups


def test_every_token_wakes_a_worker_up_without_polling(connection: Connection, database_url: str) -> None:
    worker = SqlWorker(connection)
    with connect(settings_for(database_url)) as listener:
        listener.execute('listen "pgdex.procrastinate_queue_v1#pgdex"')
        enqueue(connection)
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1
        worker.work(tree(4))
        assert len(list(listener.notifies(timeout=5, stop_after=2))) == 2
        worker.take()
        worker.die()
        SqlWorker(connection)
        reclaim(connection)
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1


def test_dead_workers_batches_come_back_in_the_order_in_which_their_jobs_started(connection: Connection) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    jobs = [enqueue(connection, path) for path in ("/a", "/b", "/c")]
    wake_ups = [worker.fetch() for _ in jobs]
    for number in (2, 0, 1):
        wake_up = wake_ups[number]
        assert wake_up is not None
        assert worker.claim(wake_up) is not None
    worker.die()
    assert reclaim(connection) == 3
    assert [peer.take().wake_up.job_id for _ in jobs] == [jobs[2], jobs[0], jobs[1]]


def test_a_worker_that_wakes_up_after_it_was_evicted_changes_nothing(connection: Connection) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(4))
    lost = worker.take()
    worker.die()
    tick(connection, peer.id)
    assert tick(connection, worker.id) is False

    assert not worker.report(lost, "embedding", chunked=2)
    assert not worker.release(lost)
    with refused("PX003", saying="no longer current"):
        worker.complete(lost)
    assert value(connection, "select count(*) from pgdex.chunks") == 0
    peer.work_all(tree(4))
    assert status_of(connection, job_id) == "completed"
    assert value(connection, "select count(*) from pgdex.chunks") == 4
    reclaimed = value(connection, "select event_data from pgdex.job_events where event_type = 'reclaimed'")
    assert reclaimed == {"batches": 1, "files": 2, "dead_workers": [worker.id]}


def test_an_attempt_that_a_peer_has_taken_over_cannot_commit_report_or_release(connection: Connection) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(2))
    lost = worker.take()
    worker.die()
    tick(connection, peer.id)
    current = peer.take()
    assert lost.wake_up.seq == current.wake_up.seq
    assert lost.attempt != current.attempt

    assert not worker.report(lost, "embedding", chunked=2, embedded=2)
    assert not worker.release(lost)
    with refused("PX003", saying=f"attempt {lost.attempt} of batch 1"):
        worker.complete(lost)
    assert value(connection, "select sum(files_chunked) from pgdex.job_batches") == 0
    peer.complete(current)
    with refused("PX003"):
        worker.complete(lost)
    assert value(connection, "select files_indexed from pgdex.indexing_jobs where id = %s", job_id) == 2


def test_a_commit_of_a_lost_time_line_is_refused_though_the_batch_was_never_claimed_before_in_this_one(
    connection: Connection,
) -> None:
    """A restore, or a failover to a standby that had not seen the claim: attempts that count would begin again."""
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(2))
    lost = worker.take()
    connection.execute("delete from procrastinate_jobs where id = %s", [lost.wake_up.id])
    connection.execute(
        "update pgdex.job_batches set state = 'waiting', attempt = 0, worker_id = null, wake_up_id = null"
        " where job_id = %s and seq = %s",
        [job_id, lost.wake_up.seq],
    )
    connection.execute("select pgdex.queue_batches(%s, %s)", [job_id, [lost.wake_up.seq]])
    current = peer.take()
    assert current.wake_up.seq == lost.wake_up.seq

    with refused("PX003"):
        worker.complete(lost)
    peer.complete(current)


def test_a_finish_that_a_peer_has_taken_over_cannot_complete_the_job(connection: Connection) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work([])
    lost = worker.take()
    worker.die()
    tick(connection, peer.id)
    current = peer.take()
    with refused("PX003"):
        worker.finish(lost)
    assert status_of(connection, job_id) == "running"
    peer.finish(current)


@pytest.mark.parametrize("found", [[], tree(4)], ids=["nothing found", "files found"])
def test_a_stale_scan_neither_plans_nor_fails_a_job_that_a_peer_has_scanned(
    connection: Connection, found: list[Any]
) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    enqueue(connection)
    worker.work_all(tree(4))
    job_id = enqueue(connection)
    lost = worker.take()
    worker.die()
    tick(connection, peer.id)
    peer.work(tree(6))
    with refused("PX003"):
        worker.plan(lost, found)
    peer.work_all(tree(6))
    assert status_of(connection, job_id) == "completed"


def test_a_stale_claim_of_a_scan_does_not_start_the_job(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    wake_up = worker.fetch()
    assert wake_up is not None
    worker.die()
    SqlWorker(connection)
    reclaim(connection)
    assert worker.claim(wake_up) is None
    assert status_of(connection, job_id) == "pending"


@pytest.mark.parametrize("force", [False, True])
def test_an_empty_tree_where_files_are_indexed_is_refused_also_with_force(connection: Connection, force: bool) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work_all(tree(3))
    enqueue(connection, force=force)
    claim = worker.take()
    with refused("PX006", saying="is a disk not mounted?"):
        worker.plan(claim, [])
    assert value(connection, "select count(*) from pgdex.files") == 3


# Races


def test_a_cancellation_and_the_last_commit_at_once_agree_on_the_outcome(
    connection: Connection, database_url: str
) -> None:
    worker = SqlWorker(connection)
    for number in range(12):
        job_id = enqueue(connection, f"/repo{number}")
        for _ in range(3):
            worker.work(tree(3))
        claim = worker.take()

        def cancel(own: Connection, job_id: UUID = job_id) -> str | None:
            with suppress(psycopg.Error):
                return str(value(own, "select pgdex.cancel_job(%s)", job_id))
            return None

        def finish(own: Connection, key: tuple[UUID, int, int] = claim.key) -> str | None:
            try:
                own.execute("select pgdex.complete_job(%s, %s, %s, '{}')", [*key])
            except psycopg.Error as error:
                return error.sqlstate
            return None

        cancelled, failure = at_once(database_url, cancel, finish)
        status = status_of(connection, job_id)
        assert (status, cancelled, failure) in {
            ("cancelled", "running", "PX003"),
            ("completed", None, None),
        }
        assert events_of(connection, job_id)[-1] == status
        open_batches = "select count(*) from pgdex.job_batches where state in ('waiting', 'running')"
        assert value(connection, open_batches) == 0
        worker.drop(claim.wake_up)
    assert value(connection, "select count(*) from procrastinate_jobs") == 0


def test_workers_that_fetch_and_commit_at_once_do_each_batch_once(connection: Connection, database_url: str) -> None:
    job_id = enqueue(connection)
    SqlWorker(connection).work(tree(60))

    def work(own: Connection) -> int:
        worker, done = SqlWorker(own), 0
        while worker.work(tree(60)) is not None:
            done += 1
        return done

    done = at_once(database_url, *[work] * 4)
    assert status_of(connection, job_id) == "completed"
    assert sum(done) == 31
    assert value(connection, "select count(*) from pgdex.job_batches where attempt > 0") == 32, "each was claimed"
    assert value(connection, "select count(*) from pgdex.chunks") == 60


def test_reclaiming_healing_and_admitting_from_everywhere_at_once_loses_and_doubles_nothing(
    connection: Connection, database_url: str
) -> None:
    jobs = [enqueue(connection, f"/repo{number}") for number in range(4)]
    tree_of_all = tree(20)

    def work(own: Connection) -> None:
        """Now and then die with a batch in progress."""
        for life in range(4):
            worker = SqlWorker(own)
            for _ in range(8):
                worker.work(tree_of_all)
            if life < 3:
                worker.fetch()
                worker.die()

    def look_after(own: Connection) -> None:
        worker = SqlWorker(own)
        for _ in range(60):
            tick(own, worker.id)
            own.execute("select pgdex.heal_batches()")

    at_once(database_url, work, work, work, look_after, look_after)
    last = SqlWorker(connection)
    for _ in range(200):
        tick(connection, last.id)
        connection.execute("select pgdex.heal_batches()")
        if last.work(tree_of_all) is None and all(status_of(connection, job) == "completed" for job in jobs):
            break
    assert [status_of(connection, job) for job in jobs] == ["completed"] * 4
    rows = connection.execute("select files_indexed, chunks_created from pgdex.indexing_jobs").fetchall()
    assert rows == [(20, 20)] * 4
    assert value(connection, "select count(*) from pgdex.chunks") == 80


def test_a_worker_whose_heart_beat_after_a_peer_looked_is_not_presumed_dead(connection: Connection) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    enqueue(connection)
    worker.work(tree(4))
    claim = worker.take()
    seen = value(connection, "select beat from pgdex.worker_status where id = %s", worker.id)
    assert value(connection, "select pgdex.tick(%s)", worker.id) is True
    reclaim_it = "select pgdex.reclaim_batches(array[%s::bigint], array[%s::bigint])"
    assert value(connection, reclaim_it, worker.id, seen) == 0
    worker.complete(claim)

    worker.take()
    worker.lose_lock()
    assert value(connection, "select pgdex.tick(%s)", peer.id) is True, "a tick alone evicts nobody"
    assert value(connection, "select count(*) from pgdex.worker_status") == 2
    assert reclaim(connection) == 1


def test_a_worker_that_never_introduced_itself_can_be_evicted(connection: Connection) -> None:
    worker = value(connection, "select worker_id from procrastinate_register_worker_v1()")
    assert connection.execute("select beat, lock_held, alive from pgdex.worker_status").fetchall() == [
        (-1, True, False)
    ]
    connection.execute("select pgdex.reclaim_batches(array[%s::bigint], array[-1::bigint])", [worker])
    assert value(connection, "select count(*) from pgdex.worker_status") == 0


def test_the_crashes_of_workers_are_noted_against_the_file_that_they_had_in_progress(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work(tree(2), batch_files=2)
    for crashes in range(4):
        claim = worker.take()
        assert (claim.reclaimed, claim.crash_counts) == (crashes, {"file00001.py": crashes - 2} if crashes > 2 else {})
        if crashes >= 2:
            assert value(connection, "select pgdex.mark_in_progress(%s, %s, %s, 'file00000.py')", *claim.key) is True
            assert value(connection, "select pgdex.mark_in_progress(%s, %s, %s, 'file00001.py')", *claim.key) is True
        worker.die()
        worker = SqlWorker(connection)
        reclaim(connection)
        assert value(connection, "select pgdex.mark_in_progress(%s, %s, %s, 'file00001.py')", *claim.key) is False
    claim = worker.take()
    assert claim.crash_counts == {"file00001.py": 2}
    worker.drop(claim.wake_up)
    connection.execute("select pgdex.heal_batches()")
    assert worker.take().crash_counts == {"file00001.py": 2}, "a task that ended without a word has killed nobody"


# Size


def sizes_of_batches(connection: Connection, job_id: UUID) -> list[int]:
    rows = connection.execute(
        "select files_total from pgdex.job_batches where job_id = %s and kind = 'index' order by seq", [job_id]
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("files", "size"),
    [(1_000, 32), (16_000, 32), (20_000, 40), (200_000, 256)],
)
def test_a_large_job_has_larger_batches_but_none_is_more_than_a_500th_of_it(
    connection: Connection, files: int, size: int
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    scan = worker.take()
    worker.plan(scan, tree(files), batch_files=32, batch_bytes=1 << 30)
    sizes = sizes_of_batches(connection, job_id)
    assert sum(sizes) == files
    assert set(sizes[:-1]) == {size}
    assert sizes[-1] <= size


def test_a_batch_ends_where_its_bytes_are_full(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    scan = worker.take()
    worker.plan(scan, tree(10, size=40), batch_files=32, batch_bytes=100)
    assert sizes_of_batches(connection, job_id) == [3, 2, 3, 2]
