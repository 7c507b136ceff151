"""Trials of cancelling, one for each thing that a job may be doing.

Stopped means: nothing of the job is in procrastinate's queue or in a worker's hand, and the one worker, which has one
slot, has taken up the next job, which waited for it from before the cancel. The slot is free only when the task's
code has returned, so this proves that none of it runs on.
"""

import time
from pathlib import Path
from uuid import UUID

from benchmarks.chaos.cluster import Cluster, NothingHappened, cluster
from benchmarks.chaos.latency import Measure, Trials
from pgdex.indexer.chunking import chunk_file
from pgdex.indexer.languages import language_of
from tests.support.trees import module, python_tree, write_tree

SCAN_FILES = 60_000
SOURCE_BYTES = 900_000
VECTORS = 12_000
TAKEN_UP = "select state <> 'waiting' from pgdex.job_batches where job_id = %s and seq = 0"
IN_PROGRESS = "select count(*) from pgdex.job_batches where job_id = %s and kind = %s and state = 'running'"
SCANNED = "select scanned_at is not null from pgdex.indexing_jobs where id = %s"
SCAN_SECONDS = "select extract(epoch from scanned_at - started_at) from pgdex.indexing_jobs where id = %s"
PLANNING = "select count(*) from pg_stat_activity where state = 'active' and query like 'select pgdex.plan_job(%%'"
BUILDING = "select count(*) from pg_stat_progress_create_index"
VECTOR_INDEXES = "select count(*) from pg_indexes where indexname like 'chunks\\_r%%\\_hnsw\\_m%%' and tablename = %s"
CHUNKS_TABLE = "select chunk_table from pgdex.views_status where root = %s"
TRIES = 5
OPENING_SECONDS = 10.0


class Scene:
    """One worker with one slot, and a job of no work that waits for the slot."""

    def __init__(self, here: Cluster) -> None:
        self.here = here
        self._other = write_tree(here.folder / "other", {"one.py": "def one():\n    return 1\n"})

    def open(self) -> None:
        """Start the worker and let it open its embedder; the other job's tree is indexed once."""
        self.here.fill_up(1)
        self.here.complete(self._other)

    def in_progress(self, job_id: UUID, kind: str) -> None:
        """Wait until the worker has a batch of that kind of the job."""
        self.here.until_true(IN_PROGRESS, job_id, kind, what=f"a {kind} batch in a worker's hand")

    def cancel(self, job_id: UUID, *, status: str = "running") -> float:
        """Seconds from the cancel until all has stopped. NothingHappened where the job was not `status` before."""
        next_job = self.here.enqueue(self._other)
        started = time.perf_counter()
        before = self.here.value("select pgdex.cancel_job(%s)", job_id)
        self.here.until_true(TAKEN_UP, next_job, what="a free worker")
        self.here.until_gone(job_id)
        seconds = time.perf_counter() - started
        self.here.service.recover()  # the next job may need it
        if before != status or self.here.status(job_id) != "cancelled":
            raise NothingHappened(f"a job that was {before} is {self.here.status(job_id)} after the cancel")
        self.here.until_status(next_job, "completed")
        return seconds


def scanning(trials: Trials) -> None:
    """In the middle of listing and planning a tree of 60,000 files, spread evenly over its whole duration."""
    with cluster(batch_files=32) as here:
        tree = large_tree(here)
        scene = Scene(here)
        scene.open()
        job_id = here.enqueue(tree)
        here.until_true(SCANNED, job_id, what="a scan")
        whole = float(str(here.value(SCAN_SECONDS, job_id)))
        scene.cancel(job_id)
        for number in range(trials.count):
            share = (number + 0.5) / trials.count
            for _ in range(TRIES):
                job_id = here.enqueue(tree)
                scene.in_progress(job_id, "scan")
                time.sleep(share * whole)
                over = here.value(SCANNED, job_id)
                seconds = scene.cancel(job_id)
                if not over:
                    trials.add(seconds)
                    break
                share *= 0.9  # this scan was quicker than the first
            else:
                raise NothingHappened(f"{TRIES} times the scan of {SCAN_FILES} files was over before its cancel")
        trials.notes.append(f"e-scan: the whole scan of {SCAN_FILES:,} files takes {whole:.1f} s")


def planning(trials: Trials) -> None:
    """At the end of a scan, in the one statement that compares 60,000 files with the index and writes the batches."""
    with cluster(batch_files=32) as here:
        tree = large_tree(here)
        scene = Scene(here)
        scene.open()
        for _ in range(trials.count):
            job_id = here.enqueue(tree)
            here.until_true(PLANNING, what="a scan that plans")
            trials.add(scene.cancel(job_id))


def large_tree(here: Cluster) -> Path:
    """60,000 tiny files."""
    return write_tree(here.folder / "large", {f"{i // 1000}/{i % 1000}.py": f"x = {i}\n" for i in range(SCAN_FILES)})


def chunking(trials: Trials) -> None:
    """In the middle of cutting a source file of 900 KB; no embedding call has been made for it."""
    source = "".join(map(module, range(5000)))[:SOURCE_BYTES]
    began = time.perf_counter()
    chunk_file(source, language_of("large.py", ""))
    whole = time.perf_counter() - began
    with cluster(batch_files=1) as here:
        tree = write_tree(here.folder / "heavy", {f"large_{i}.py": source + f"\n# {i}\n" for i in range(3)})
        scene = Scene(here)
        scene.open()
        for _ in range(trials.count):
            for _ in range(TRIES):
                calls = here.service.counts().calls
                job_id = here.enqueue(tree, force=True)
                scene.in_progress(job_id, "index")
                time.sleep(trials.random.uniform(0, 0.8 * whole))
                seconds = scene.cancel(job_id)
                if here.service.counts().calls == calls:
                    trials.add(seconds)
                    break
            else:
                raise NothingHappened(f"{TRIES} times the file was cut before its cancel")
        trials.notes.append(f"e-chunk: cutting the file takes {whole:.2f} s without interruption")


def embedding(trials: Trials) -> None:
    """In the middle of an embedding call that takes 30 s, or (every other trial) never answers."""
    with cluster() as here:
        tree = python_tree(here.folder / "repository", 40)
        scene = Scene(here)
        scene.open()
        for number in range(trials.count):
            here.service.fail("slow", latency_ms=30_000) if number % 2 else here.service.fail("hang")
            calls = here.service.counts().calls
            job_id = here.enqueue(tree, force=True)
            scene.in_progress(job_id, "index")
            until_called(here, calls + 1)
            time.sleep(trials.random.uniform(0.0, 0.5))
            trials.add(scene.cancel(job_id))


def until_called(here: Cluster, calls: int) -> None:
    """Wait until the service has had that many calls."""
    here.until(lambda: here.service.counts().calls >= calls, what="a call of the embedding service")


def opening(trials: Trials) -> None:
    """In the very first call of a new worker process, which tries the service before it scans; it takes 10 s."""
    with cluster() as here:
        tree = python_tree(here.folder / "repository", 40)
        scene = Scene(here)
        scene.open()
        for _ in range(trials.count):
            here.workers.stop()
            here.fill_up(1)
            here.slow(OPENING_SECONDS)
            calls = here.service.counts().calls
            job_id = here.enqueue(tree, force=True)
            scene.in_progress(job_id, "scan")
            until_called(here, calls + 1)
            time.sleep(trials.random.uniform(0.0, 0.5))
            trials.add(scene.cancel(job_id))


def finishing(trials: Trials) -> None:
    """In the middle of building a vector index that takes seconds."""
    with cluster(embedder="hashing:1024", batch_files=32) as here:
        tree = python_tree(here.folder / "vectors", VECTORS)  # a chunk each
        here.fill_up(2)
        here.complete(tree)
        here.workers.stop()
        here.workers.environment["PGDEX_EXACT_SEARCH_CHUNKS"] = "0"
        scene = Scene(here)
        scene.open()
        table = here.value(CHUNKS_TABLE, str(tree))
        chunks = int(str(here.value("select sum(chunks) from pgdex.files")))
        for _ in range(trials.count):
            job_id = here.enqueue(tree)
            here.until_true(BUILDING, what="the build of a vector index")
            time.sleep(trials.random.uniform(0, 1.5))
            if not here.value(BUILDING):
                raise NothingHappened(f"the index over {chunks} vectors is built in less than 1.5 s")
            seconds = scene.cancel(job_id)
            if here.value(VECTOR_INDEXES, table) or here.value(BUILDING):
                raise NothingHappened("the vector index was built in spite of the cancel")
            trials.add(seconds)
        trials.notes.append(f"e-finish: the index is HNSW over {chunks:,} vectors of 1,024 dimensions")


def pending(trials: Trials) -> None:
    """A job that waits for its turn behind three others, and (every other trial) one that waits for a free worker."""
    with cluster() as here:
        trees = [python_tree(here.folder / f"repository_{number}", 8) for number in range(4)]
        scene = Scene(here)
        scene.open()
        for number in range(trials.count):
            here.service.fail("hang")
            ahead = [here.enqueue(tree, force=True) for tree in trees[: 3 if number % 2 else 1]]
            scene.in_progress(ahead[0], "index")
            job_id = here.enqueue(trees[3], force=True)
            time.sleep(trials.random.uniform(0, 0.3))
            started = time.perf_counter()
            before = here.value("select pgdex.cancel_job(%s)", job_id)
            here.until_gone(job_id)
            trials.add(time.perf_counter() - started)
            never = here.value("select started_at is null from pgdex.indexing_jobs where id = %s", job_id)
            if (before, here.status(job_id), never) != ("pending", "cancelled", True):
                raise NothingHappened(f"a job that was {before} is {here.status(job_id)}; never started: {never}")
            for other in ahead:
                here.value("select pgdex.cancel_job(%s)", other)
            here.until_gone(*ahead)


def blocked(trials: Trials) -> None:
    """A job that waits for an embedding service that is away."""
    with cluster() as here:
        tree = python_tree(here.folder / "repository", 40)
        scene = Scene(here)
        scene.open()
        for _ in range(trials.count):
            here.service.fail("down")
            job_id = here.enqueue(tree, force=True)
            here.until_status(job_id, "blocked", seconds=20)
            time.sleep(trials.random.uniform(0, 1.5))
            trials.add(scene.cancel(job_id, status="blocked"))


CANCELS = (
    Measure("e-scan", "cancel → stopped, scanning 60,000 files", scanning, target=1),
    Measure("e-plan", "cancel → stopped, planning the batches of 60,000 files", planning, target=1),
    Measure("e-chunk", "cancel → stopped, cutting a file of 900 KB", chunking, target=1),
    Measure("e-embed", "cancel → stopped, in an embedding call that hangs", embedding, target=1),
    Measure("e-open", "cancel → stopped, in a new worker's first call of 10 s", opening, target=1, share=0.2),
    Measure("e-finish", "cancel → stopped, building a vector index", finishing, target=1),
    Measure("e-pending", "cancel → stopped, a pending job", pending, target=1),
    Measure("e-blocked", "cancel → stopped, a blocked job", blocked, target=1),
)
