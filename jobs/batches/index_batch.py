"""One batch of files: the indexer's pipeline with no transaction open, under a claim, then committed at once."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from pgdex.indexer.pipeline import Pipeline, Progress, ReadFiles
from pgdex.indexer.storage import StoredFile, VersionGone, stored_files
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.batches.commit import commit_batch
from pgdex.jobs.batches.commits import CommitReader, commit_snapshot
from pgdex.jobs.batches.embeddings import Embeddings
from pgdex.jobs.batches.pacing import Pace
from pgdex.jobs.batches.poison_files import fallbacks_of
from pgdex.jobs.batches.watchdog import file_in_progress
from pgdex.jobs.embedders import embedder_of_job

# Reading and chunking 32 small files takes 30 ms: most batches commit before they ever report.
REPORT_SECONDS = 0.5
# Of the time that a file may take before the watchdog ends this worker; the rest is for cutting the text.
DOCUMENT_SHARE = 0.75


def index_files(claim: Claim) -> None:
    """Do one batch. Raises what the embedder raises; a file's own fault only ever skips the file."""
    assert claim.embedder is not None, "plan_job sets the model"
    embedder = embedder_of_job(claim.embedder, allowed=claim.embedder_allowed, aborted=claim.aborted)
    # Models that run in the worker cost less than looking.
    embeddings = Embeddings(claim) if embedder.is_remote else None
    pipeline = Pipeline(
        embedder=embedder,
        max_file_bytes=claim.settings.max_file_bytes,
        document_seconds=DOCUMENT_SHARE * claim.settings.file_timeout,
        model_id=claim.model_id,
        force=claim.embed_all,
        aborted=claim.aborted,
        progress=Reporter(claim).tell,
        guard=partial(in_progress, claim),
        one_by_one=claim.is_suspect,
        fallbacks=fallbacks_of(claim.crash_counts),
        known=embeddings.known if embeddings else None,
        keep=embeddings.keep if embeddings else None,
        pace=Pace(claim, embedder).wait if embedder.is_remote else lambda _: None,
    )
    paths = claim.paths or []
    for is_last in (False, False, True):
        with claim.pool.connection() as connection:
            stored = stored_files(connection, repository_id=claim.repository_id, view_id=claim.view_id, paths=paths)
        content = _read(claim, pipeline, paths, stored)
        try:
            commit_batch(claim, pipeline.embed(content), pipeline.stopwatch)
        except VersionGone:
            if is_last:
                raise
        else:
            return


def _read(claim: Claim, pipeline: Pipeline, paths: Sequence[str], stored: Mapping[str, StoredFile]) -> ReadFiles:
    """Read and chunk the files, from the folder or from the commit. Raises RootUnavailable, GitError."""
    if claim.ref:
        with commit_snapshot(claim) as snapshot:
            blob_ids = dict(zip(paths, claim.blob_ids or (), strict=True))
            return pipeline.read(CommitReader(snapshot, blob_ids), paths, stored=stored)
    with claim.opened_root() as root:
        content = pipeline.read(root, paths, stored=stored)
        with claim.folder_in_progress():
            claim.witness.require_mounts(root, content.not_seen)
        return content


class Reporter:
    """Reports a batch's progress, but not more often than every REPORT_SECONDS."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._reported = time.perf_counter()

    def tell(self, progress: Progress) -> None:
        """Report where it is time to. Raises JobAborted where the batch is no longer ours."""
        if time.perf_counter() - self._reported >= REPORT_SECONDS:
            self._reported = time.perf_counter()
            self._claim.report(progress.phase, chunked=progress.chunked, embedded=progress.embedded)


@contextmanager
def in_progress(claim: Claim, path: str) -> Iterator[None]:
    """The file is watched for hanging; in a batch that has ended workers it is also the only one of this process, and
    noted in the database."""
    with file_in_progress(path, alone=claim.is_suspect):
        if claim.is_suspect:
            claim.mark_in_progress(path)
        yield
        if claim.is_suspect:
            claim.mark_in_progress(None)
