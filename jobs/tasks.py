"""The procrastinate tasks: scan, index_batch, finish. Each does one claimed batch and commits it behind its fence."""

from procrastinate import JobContext

from pgdex.jobs.app import QUEUE, app
from pgdex.jobs.batches.claims import run_claimed
from pgdex.jobs.batches.finish import finish_job
from pgdex.jobs.batches.index_batch import index_files
from pgdex.jobs.batches.scan import scan_repository


@app.task(name="scan", queue=QUEUE, pass_context=True)
def scan(context: JobContext, *, job_id: str, seq: int) -> None:
    """List the tree, compare it with the index, and write the batches."""
    run_claimed(context, job_id=job_id, seq=seq, work=scan_repository)


@app.task(name="index_batch", queue=QUEUE, pass_context=True)
def index_batch(context: JobContext, *, job_id: str, seq: int) -> None:
    """Read, chunk, embed and write the files of one batch."""
    run_claimed(context, job_id=job_id, seq=seq, work=index_files)


@app.task(name="finish", queue=QUEUE, pass_context=True)
def finish(context: JobContext, *, job_id: str, seq: int) -> None:
    """Remove what is gone, build indexes, write the summary."""
    run_claimed(context, job_id=job_id, seq=seq, work=finish_job)
