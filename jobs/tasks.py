"""The procrastinate tasks. scan, index_batch and finish do one claimed batch each and commit it behind its fence;
run_schedules enqueues the jobs that are due."""

import logging

from procrastinate import JobContext

from pgdex.jobs.app import QUEUE, app
from pgdex.jobs.batches.claims import in_flight, run_claimed
from pgdex.jobs.batches.finish import finish_job
from pgdex.jobs.batches.pools import POOLS
from pgdex.jobs.batches.scan import scan_repository
from pgdex.jobs.worker.schedules import enqueue_due

# Before everything else in the queue: it takes milliseconds.
FIRST = 2_000_000

# Each worker would say that it registers the periodic task, and one of them each minute that it deferred it.
logging.getLogger("procrastinate.periodic").setLevel(logging.WARNING)


@app.task(name="scan", queue=QUEUE, pass_context=True)
def scan(context: JobContext, *, job_id: str, seq: int) -> None:
    """List the tree, compare it with the index, and write the batches."""
    run_claimed(context, job_id=job_id, seq=seq, work=scan_repository)


@app.task(name="index_batch", queue=QUEUE, pass_context=True)
def index_batch(context: JobContext, *, job_id: str, seq: int) -> None:
    """Read, chunk, embed and write the files of one batch."""
    from pgdex.jobs.batches.index_batch import index_files  # a scan does not wait for numpy and the grammars

    run_claimed(context, job_id=job_id, seq=seq, work=index_files)


@app.task(name="finish", queue=QUEUE, pass_context=True)
def finish(context: JobContext, *, job_id: str, seq: int) -> None:
    """Remove what is gone, build indexes, write the summary."""
    run_claimed(context, job_id=job_id, seq=seq, work=finish_job)


# At most one waits in the queue, however long all workers are busy.
@app.periodic(cron="* * * * *")
@app.task(name="run_schedules", queue=QUEUE, queueing_lock="run_schedules", priority=FIRST, pass_context=True)
def run_schedules(context: JobContext, timestamp: int) -> None:
    """Enqueue a job for each schedule that is due. `timestamp` is the minute's, by the clock of one worker."""
    worker_id = context.job.worker_id
    assert worker_id is not None, "procrastinate fetches jobs for a registered worker"
    with in_flight(context), POOLS.of(worker_id) as pool, pool.connection() as connection:
        enqueue_due(connection)
