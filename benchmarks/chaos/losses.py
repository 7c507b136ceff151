"""Trials in which something is lost: a worker, all of them, the database, the embedding service."""

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from benchmarks.chaos.cluster import Batch, Cluster, NothingHappened, cluster
from benchmarks.chaos.latency import Measure, Trials
from tests.support.preloaded import Process
from tests.support.trees import python_tree

BATCH_NOW = "select state, attempt, worker_id from pgdex.job_batches where job_id = %s and seq = %s"
RECLAIMED = """
    select count(*) from pgdex.job_events where job_id = %s and event_type = 'reclaimed'
        and event_data -> 'dead_workers' @> to_jsonb(array[%s::bigint])
"""
COMMITTED_BY = """
    select count(*) from pgdex.job_batches b join pgdex.workers w on w.id = b.worker_id
    where w.pid = %s and b.job_id = %s and b.kind = 'index' and b.state = 'completed'
"""
CLAIMED_BY = """
    select b.seq from pgdex.job_batches b join pgdex.workers w on w.id = b.worker_id
    where w.pid = %s and b.job_id = %s and b.kind = 'index' and b.state in ('running', 'completed')
"""
COMMITTED_SINCE = """
    select count(*) from pgdex.job_batches
    where job_id = %s and kind = 'index' and state = 'completed' and completed_at > to_timestamp(%s)
"""
OUTAGE_SECONDS = 5.0


def tree_of(here: Cluster, *, files: int = 800) -> Path:
    """Enough small files for a job that lasts for many trials."""
    return python_tree(here.folder / "repository", files)


def killed(trials: Trials) -> None:
    """kill -9 of one of two workers, in the middle of a batch, until the batch is out of its hand."""
    with cluster() as here:
        tree = tree_of(here)
        here.slow(2)
        for _ in range(trials.count):
            victim = here.fill_up(2)[0]
            batch = here.batch_in_flight(victim, here.busy_job(tree))
            time.sleep(trials.random.uniform(0, 0.25))  # anywhere between two ticks of the peer
            trials.add(until_reclaimed(here, batch, victim.kill))
            victim.wait()


def stopped(trials: Trials) -> None:
    """SIGSTOP of one of two workers: it keeps its session lock, and only its heart stops."""
    with cluster() as here:
        tree = tree_of(here)
        here.slow(2)
        for _ in range(trials.count):
            victim = here.fill_up(2)[0]
            batch = here.batch_in_flight(victim, here.busy_job(tree))
            time.sleep(trials.random.uniform(0, 0.25))
            trials.add(until_reclaimed(here, batch, partial(stop_where_it_stands, here, victim, batch)))
            here.workers.wake(victim)


def until_reclaimed(here: Cluster, batch: Batch, strike: Callable[[], object]) -> float:
    """Seconds from the strike until the batch waits again, or a peer has it under a higher attempt."""
    started = time.perf_counter()
    strike()

    def out_of_its_hand() -> tuple[object, ...] | None:
        row = here.row(BATCH_NOW, batch.job_id, batch.seq)
        assert row is not None
        if row == ("completed", batch.attempt, batch.worker_id):
            raise NothingHappened(f"{batch} was committed before its worker was lost")
        return None if row == ("running", batch.attempt, batch.worker_id) else row

    state, attempt, _ = here.until(out_of_its_hand, what=f"a peer that reclaims {batch}")
    seconds = time.perf_counter() - started
    if state not in ("waiting", "running", "completed") or (state != "waiting" and attempt == batch.attempt):
        raise NothingHappened(f"{batch} became {state} under attempt {attempt}")
    if not here.value(RECLAIMED, batch.job_id, batch.worker_id):
        raise NothingHappened(f"no event `reclaimed` names the worker of {batch}")
    return seconds


def stop_where_it_stands(here: Cluster, victim: Process, batch: Batch) -> None:
    """SIGSTOP, and a look whether the lock is really still held: else this would measure the lock once more."""
    here.workers.pause(victim)
    time.sleep(0.05)
    if psutil.Process(victim.pid).status() != psutil.STATUS_STOPPED:
        raise NothingHappened(f"process {victim.pid} was not stopped")
    if not here.value("select lock_held from pgdex.worker_status where id = %s", batch.worker_id):
        raise NothingHappened(f"the lock of worker {batch.worker_id} is free")


def all_dead(trials: Trials) -> None:
    """Two workers die together; some time later one new process starts."""
    with cluster() as here:
        tree = tree_of(here)
        here.slow(2)
        for _ in range(trials.count):
            first, second = here.fill_up(2)
            job_id = here.busy_job(tree)
            here.batch_in_flight(first, job_id)
            for victim in (first, second):
                here.workers.kill(victim)
            time.sleep(trials.random.uniform(0, 1))
            if here.status(job_id) != "running":
                raise NothingHappened(f"the job without workers is {here.status(job_id)}")
            started = time.perf_counter()
            (new,) = here.workers.start(1)
            here.until_true(CLAIMED_BY, new.pid, job_id, what="a batch in the new worker's hand")
            trials.add(time.perf_counter() - started)


def database_restarted(trials: Trials) -> None:
    """An immediate restart of PostgreSQL, measured from its beginning to the next commit of a batch."""
    with cluster() as here:
        tree = tree_of(here)
        here.slow(0.2)
        ended = 0
        down = []
        for _ in range(trials.count):
            running = here.fill_up(2)
            job_id = here.busy_job(tree, batches=60)
            here.until_true(COMMITTED_SINCE, job_id, 0, what="a first commit")
            time.sleep(trials.random.uniform(0, 0.5))
            started = time.perf_counter()
            here.server.restart("immediate")
            down.append(time.perf_counter() - started)
            back = time.time()
            here.reconnect()
            here.until_true(COMMITTED_SINCE, job_id, back, what="a commit after the outage")
            trials.add(time.perf_counter() - started)
            ended += sum(process.poll() is not None for process in running)
        trials.notes.append(
            f"d: the restart itself took {min(down):.2f} to {max(down):.2f} s of it; "
            f"{ended} of {2 * trials.count} worker processes had ended by the next commit"
        )


def service_back(trials: Trials) -> None:
    """The embedding service is away for five seconds; from its return to the next commit of the blocked job.

    The service is asked 1, 2, 4 ... 60 s after the last time: the wait is about as long as the outage was, at most.
    """
    with cluster() as here:
        tree = tree_of(here, files=1600)
        here.slow(0.1)
        for _ in range(trials.count):
            here.fill_up(2)
            job_id = here.busy_job(tree, batches=100)
            here.until_true(COMMITTED_SINCE, job_id, 0, what="a first commit")
            gone = time.monotonic()
            here.service.fail("down")
            here.until_status(job_id, "blocked", seconds=20)
            time.sleep(max(0.0, gone + OUTAGE_SECONDS - time.monotonic()))
            if here.status(job_id) != "blocked":
                raise NothingHappened(f"the job is {here.status(job_id)} with no service")
            back = time.time()
            started = time.perf_counter()
            here.slow(0.1)
            here.until_true(COMMITTED_SINCE, job_id, back, what="a commit after the outage")
            trials.add(time.perf_counter() - started)
            if here.status(job_id) != "running":
                raise NothingHappened(f"the job is {here.status(job_id)} after a commit")


def told_to_stop(trials: Trials, *, call_seconds: float) -> None:
    """SIGTERM to a worker in the middle of a batch with an embedding call of that length."""
    with cluster() as here:
        tree = tree_of(here)
        for _ in range(trials.count):
            here.slow(0)
            (worker,) = here.fill_up(1)
            job_id = here.busy_job(tree, batches=40)
            # It has opened its embedder, which is a call of its own.
            here.until_true(COMMITTED_BY, worker.pid, job_id, what="a commit of the worker")
            here.slow(call_seconds)
            batch = here.batch_in_flight(worker, job_id)
            time.sleep(trials.random.uniform(0, 0.2))
            if here.row(BATCH_NOW, batch.job_id, batch.seq) != ("running", batch.attempt, batch.worker_id):
                raise NothingHappened(f"{batch} was through before the signal")
            started = time.perf_counter()
            worker.send_signal(signal.SIGTERM)
            code = worker.wait(60)
            trials.add(time.perf_counter() - started)
            if code != 0:
                raise NothingHappened(f"the worker ended with code {code}{here.workers.logs()}")
            row = here.row(BATCH_NOW, batch.job_id, batch.seq)
            if row is None or row[0] == "running":
                raise NothingHappened(f"the worker went and left {batch} as {row}")


LOSSES = (
    Measure("a", "kill -9 of a worker → its batch reclaimed", killed, target=2),
    Measure("b", "SIGSTOP of a worker (lock held) → its batch reclaimed", stopped, target=6, share=0.4),
    Measure("c", "all workers dead, one new process → it has a batch of the job", all_dead, target=10),
    Measure("d", "immediate restart of PostgreSQL → next commit", database_restarted),
    Measure("f", "embedding service back after 5 s → next commit", service_back),
    Measure("g-short", "SIGTERM in a batch of 1 s → exit code 0", lambda t: told_to_stop(t, call_seconds=1)),
    Measure("g-long", "SIGTERM in a call of 30 s → exit code 0", lambda t: told_to_stop(t, call_seconds=30), share=0.4),
)
