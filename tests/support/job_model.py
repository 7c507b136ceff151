"""What the job machine is meant to do, in plain Python: the oracle of test_job_states.

Nothing here talks to a database. Each method says what one call to `sql/functions` must do and return; where a call
must be refused, it returns the SQLSTATE and changes nothing.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from math import inf
from typing import Literal
from uuid import UUID

from tests.support.job_model_state import BATCH_FILES, ModelBatch, ModelClaim, ModelJob, ModelToken, Stored
from tests.support.sql_worker import Found

MAX_CONCURRENT_JOBS = 3
DEFAULT_MODEL = "m1"

WorkerState = Literal["alive", "heart stopped", "lock lost"]
Refused = Literal["PX002", "PX003", "PX004", "PX006"]


class JobModel:
    def __init__(self) -> None:
        self.jobs: list[ModelJob] = []
        self.wake_ups: list[ModelToken] = []
        self.workers: dict[int, WorkerState] = {}
        """By id; evicted ones are not in it."""
        self.index: dict[str, dict[str, Stored]] = {}
        self.embedding_model: dict[str, str] = {}
        self.turns: dict[str, int] = {}
        """Of each project the number of its last admission."""
        self._order = count()

    # Calls of clients

    def enqueue(
        self, job_id: UUID, repository: str, *, project: str, force: bool, embedder: str | None
    ) -> UUID | Refused:
        for job in self.jobs:
            if job.repository == repository and job.live:
                return job.id
        present = self.embedding_model.get(repository)
        if embedder and present and embedder != present and not force:
            return "PX004"
        job = ModelJob(job_id, repository, force, embedder or present, project, number=next(self._order))
        self.jobs.append(job)
        return job_id

    def cancel(self, job: ModelJob) -> str | Refused:
        if not job.live:
            return "PX002"
        before = job.status
        self._end(job, "cancelled")
        return before

    def fail(self, job: ModelJob) -> bool:
        if job.status not in ("running", "blocked"):
            return False
        self._end(job, "failed")
        return True

    def resume(self, job: ModelJob) -> bool:
        if job.status != "blocked" or job.waits_to_resume:
            return False
        job.waits_to_resume = True
        return True

    # Calls of workers

    def fetched_next(self) -> ModelToken | None:
        todo = [wake_up for wake_up in self.wake_ups if wake_up.todo]
        return max(todo, key=lambda wake_up: (wake_up.priority, -wake_up.order), default=None)

    def claim(self, wake_up: ModelToken, *, attempt: int) -> ModelClaim | None:
        """`attempt` is the number that the database drew: the next one for a scan, any other one for other batches."""
        job, batch = wake_up.job, wake_up.job.batches[wake_up.seq]
        if batch.state != "waiting" or batch.wake_up is not wake_up or not job.live:
            return None
        if wake_up.seq == 0 and job.status == "pending" and job.admitted:
            job.status, job.started = "running", next(self._order)
            job.events.append("started")
        if job.status != "running":
            return None
        assert attempt == batch.attempt + 1 if wake_up.seq == 0 else 1 <= attempt < 2**31 and attempt != batch.attempt
        batch.state, batch.attempt = "running", attempt
        return ModelClaim(job, wake_up.seq, batch.attempt, wake_up)

    def plan(self, claim: ModelClaim, found: Sequence[Found]) -> Refused | None:
        job = claim.job
        if job.status not in ("running", "blocked") or not claim.current:
            return "PX003"
        index = self.index.setdefault(job.repository, {})
        paths = {file.path for file in found}
        gone = [path for path in index if path not in paths]
        if not found and gone:
            return "PX006"
        model = job.embedder or DEFAULT_MODEL
        for file in found:
            if file.skip_reason:
                index[file.path] = Stored(file, hashed=False)
        planned = [f for f in found if not f.skip_reason and (job.force or _changed(f, index.get(f.path), model))]
        unplanned = [index[f.path] for f in found if not f.skip_reason and f not in planned]
        skipped_before = sum(stored.found.skip_reason is not None for stored in unplanned)
        planned.sort(key=lambda file: file.path)
        groups = [planned[start : start + BATCH_FILES] for start in range(0, len(planned), BATCH_FILES)]
        for seq, group in enumerate(groups, 1):
            job.batches[seq] = ModelBatch("index", [file.path for file in group])
        job.batches[len(groups) + 1] = ModelBatch("finish")
        job.batches[0].state = "completed"
        job.snapshot = {file.path: file for file in found}
        job.scanned, job.embedder, job.gone, job.batches_left = True, model, gone, len(groups)
        self.embedding_model[job.repository] = model
        job.counts |= {
            "files_scanned": len(found),
            "files_to_index": len(planned),
            "files_skipped": sum(file.skip_reason is not None for file in found) + skipped_before,
            "files_unchanged": len(unplanned) - skipped_before,
        }
        job.events.append("scanned")
        self._queue(job, range(1, len(groups) + 1) if groups else [1])
        return None

    def complete(self, claim: ModelClaim, *, skipped: int, unchanged: int, wrong_by: int = 0) -> Refused | None:
        job = claim.job
        if job.status not in ("running", "blocked") or not claim.current:
            return "PX003"
        if wrong_by:
            return "PX002"
        claim.batch.state = "completed"
        files = [job.snapshot[path] for path in claim.batch.files]
        for number, file in enumerate(files):
            if number < skipped:
                stored = Stored(file._replace(skip_reason="binary"), hashed=True, model=job.embedder)
            elif number < skipped + unchanged:
                continue
            else:
                stored = Stored(file, hashed=True, model=job.embedder)
            self.index[job.repository][file.path] = stored
        indexed = len(files) - skipped - unchanged
        for name, more in (
            ("files_done", len(files)),
            ("files_indexed", indexed),
            ("files_skipped", skipped),
            ("files_unchanged", unchanged),
            ("chunks_created", indexed),
        ):
            job.counts[name] += more
        job.batches_left -= 1
        if job.batches_left == 0 and job.status == "running":
            self._queue(job, [max(job.batches)])
        return None

    def finish(self, claim: ModelClaim) -> Refused | None:
        job = claim.job
        if job.status not in ("running", "blocked") or not claim.current:
            return "PX003"
        claim.batch.state = "completed"
        index = self.index[job.repository]
        for path in job.gone:
            index.pop(path, None)
        job.counts["files_deleted"] = len(job.gone)
        self._end(job, "completed")
        return None

    def release(self, claim: ModelClaim) -> bool:
        if not claim.current:
            return False
        claim.batch.state, claim.batch.wake_up = "waiting", None
        if claim.job.status == "running":
            self._queue(claim.job, [claim.seq])
        return True

    def block(self, claim: ModelClaim) -> bool:
        """What a worker does whose embedding service is away: its batch goes back, then the job is blocked."""
        if not self.release(claim) or claim.job.status != "running":
            return False
        job = claim.job
        job.status, job.admitted = "blocked", False
        job.events.append("blocked")
        for batch in job.batches.values():
            if batch.state == "waiting" and batch.wake_up is not None:
                if batch.wake_up.todo:
                    batch.wake_up.gone = True
                batch.wake_up = None
        return True

    # What keeps it going

    def reclaim(self) -> int:
        return self._take_over([worker for worker, state in self.workers.items() if state != "alive"])

    def _take_over(self, dead: Sequence[int]) -> int:
        """What the dead had in progress goes back, and what those had who are not in the list any more."""
        lost = [t for t in self.wake_ups if t.doing and (t.worker not in self.workers or t.worker in dead)]
        back = 0
        affected = [job for job in self.jobs if any(b.open and b.wake_up in lost for b in job.batches.values())]
        for job in sorted(affected, key=lambda job: (inf if job.started is None else job.started, job.number)):
            seqs = [seq for seq, batch in job.batches.items() if batch.open and batch.wake_up in lost]
            back += len(seqs)
            job.events.append("reclaimed")
            self._put_back(job, seqs)
        for wake_up in lost:
            wake_up.gone = True
        for worker in dead:
            del self.workers[worker]
        return back

    def tick(self, worker: int) -> bool:
        if worker not in self.workers:
            return False
        if self.workers[worker] == "heart stopped":
            self.workers[worker] = "alive"
        self._take_over([])
        self.admit()
        self.reclaim()
        return True

    def heal(self) -> int:
        healed = 0
        jobs = [job for job in self.jobs if job.status == "running" or (job.status == "pending" and job.admitted)]
        for job in sorted(jobs, key=lambda job: job.number if job.started is None else job.started):
            seqs = [
                seq
                for seq in self._due(job)
                if (batch := job.batches[seq]).open and (batch.wake_up is None or batch.wake_up.gone)
            ]
            healed += len(seqs)
            self._put_back(job, seqs)
        return healed

    # Inside

    def _put_back(self, job: ModelJob, seqs: Sequence[int]) -> None:
        for seq in seqs:
            job.batches[seq].state, job.batches[seq].wake_up = "waiting", None
        if job.status in ("running", "pending"):
            self._queue(job, seqs)

    def _due(self, job: ModelJob) -> Iterator[int]:
        """Batches that may be queued: the finish only after everything else."""
        for seq, batch in job.batches.items():
            if batch.kind != "finish" or (job.scanned and job.batches_left == 0):
                yield seq

    def _queue(self, job: ModelJob, seqs: Sequence[int] | range) -> None:
        for seq in sorted(seqs):
            wake_up = ModelToken(next(self._order), job, seq)
            self.wake_ups.append(wake_up)
            job.batches[seq].wake_up = wake_up

    def admit(self) -> int:
        """Projects take turns; within one, what was blocked goes on before what is new."""
        admitted = 0
        while sum(job.has_place for job in self.jobs) < MAX_CONCURRENT_JOBS:
            first: dict[str, ModelJob] = {}
            for job in sorted(self.jobs, key=lambda job: (not job.waits_to_resume, job.number)):
                if job.waits_for_admission:
                    first.setdefault(job.project, job)
            if not first:
                break
            job = min(first.values(), key=lambda job: (self.turns.get(job.project, 0), job.number))
            self.turns[job.project] = next(self._order) + 1
            self._let_in(job)
            admitted += 1
        return admitted

    def _let_in(self, job: ModelJob) -> None:
        job.admitted = True
        if not job.waits_to_resume:
            self._queue(job, [0])
            return
        job.waits_to_resume, job.status = False, "running"
        job.events.append("resumed")
        self._queue(
            job, [seq for seq in self._due(job) if (b := job.batches[seq]).state == "waiting" and b.wake_up is None]
        )

    def _end(self, job: ModelJob, status: str) -> None:
        job.status, job.waits_to_resume = status, False
        job.events.append(status)
        for batch in job.batches.values():
            if batch.open:
                batch.state = "cancelled"
                if batch.wake_up is not None and batch.wake_up.todo:
                    batch.wake_up.gone = True


def _changed(file: Found, stored: Stored | None, model: str) -> bool:
    if stored is None or (stored.found.skip_reason is not None and not stored.hashed):
        return True
    if stored.found.skip_reason is None and stored.model != model:
        return True
    return (file.size, file.mtime_ns) != (stored.found.size, stored.found.mtime_ns)
