"""Random calls of clients and of living, dead and revived workers, each compared with what the model says."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import hypothesis.strategies as st
import psycopg
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pgdex.jobs.database.connection import Connection
from tests.support.clocks import set_clock
from tests.support.job_invariants import Checks
from tests.support.job_model import DEFAULT_MODEL, JobModel
from tests.support.job_model_state import BATCH_FILES, ModelClaim, ModelToken
from tests.support.sql_worker import Claim, Found, SqlWorker, WakeUp, enqueue, reclaim, tick

T = TypeVar("T")

PROJECT_OF = {"/a": "one", "/b": "one", "/c": "one", "/d": "two", "/e": "two", "/f": "three"}
REPOSITORIES = tuple(PROJECT_OF)
# Partitions of chunks stay, for the next example's repositories of the same numbers: truncating them costs 35 ms.
# As a replica, because triggers refuse to truncate jobs.
EMPTY_ALL = """
    set session_replication_role = replica;
    delete from pgdex.chunks;
    truncate pgdex.projects, pgdex.repositories, pgdex.procrastinate_workers, pgdex.procrastinate_jobs
        restart identity cascade;
    set session_replication_role = origin;
"""
FILES = st.builds(
    Found,
    path=st.sampled_from([f"f{number}" for number in range(7)]),
    size=st.just(10),
    mtime_ns=st.sampled_from([1, 2]),
    skip_reason=st.sampled_from([None, None, None, "oversized"]),
    skip_detail=st.none(),
)
TREES = st.lists(FILES, max_size=7, unique_by=lambda file: file.path)
STEPS = {
    "enqueue": 4,
    "work": 8,
    "fetch": 1,
    "claim": 2,
    "take": 6,
    "commit": 4,
    "report": 2,
    "put_back": 2,
    "block": 2,
    "resume": 2,
    "cancel": 1,
    "fail": 1,
    "start_worker": 1,
    "lose_worker": 2,
    "take_over": 2,
    "lose_token": 1,
    "reclaim_batches": 1,
    "heal_batches": 1,
    "admit_jobs": 2,
    "tick": 1,
    "set_clock": 1,
}
"""What may happen, and how often. One rule draws from these: separate rules would be switched off at random in
most examples, and hardly any would see a job through its whole life."""


class JobMachine(RuleBasedStateMachine):
    """Each step asks the model what has to happen, makes the call, and compares; the invariant reads everything."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        connection.execute(EMPTY_ALL)
        self.connection = connection
        self.model = JobModel()
        self.workers: dict[int, SqlWorker] = {}
        self.wake_ups: list[tuple[ModelToken, WakeUp]] = []
        self.claims: list[tuple[ModelClaim, Claim]] = []
        self.checks = Checks(connection, self.model)

    @rule(step=st.sampled_from([step for step, weight in STEPS.items() for _ in range(weight)]), data=st.data())
    def step(self, step: str, data: st.DataObject) -> None:
        if not self.model.workers:
            self.start_worker(data)
        getattr(self, step)(data)

    # What clients do

    def enqueue(self, data: st.DataObject) -> None:
        wished, repository, force = uuid4(), pick(data, REPOSITORIES), data.draw(st.booleans())
        embedder = pick(data, [None, None, DEFAULT_MODEL, "m2"])
        wish: dict[str, Any] = {"project": PROJECT_OF[repository], "force": force, "embedder": embedder}
        self.agree(
            self.model.enqueue(wished, repository, **wish),
            lambda: enqueue(self.connection, repository, **wish, job_id=wished, then_admit=False),
        )
        if data.draw(st.integers(0, 3)):  # mostly a tick of some worker comes before anything else happens
            self.admit_jobs(data)

    def cancel(self, data: st.DataObject) -> None:
        if self.model.jobs:
            job = pick(data, self.model.jobs)
            self.agree(self.model.cancel(job), lambda: self.call("cancel_job", job.id))

    def fail(self, data: st.DataObject) -> None:
        if self.model.jobs:
            job = pick(data, self.model.jobs)
            self.agree(self.model.fail(job), lambda: self.call("fail_job", job.id, "no good", "SomeError", "Trace"))

    def resume(self, data: st.DataObject) -> None:
        blocked = [job for job in self.model.jobs if job.status == "blocked"]
        if self.model.jobs:
            job = pick(data, blocked or self.model.jobs)
            self.agree(self.model.resume(job), lambda: self.call("resume_job", job.id))

    # What workers do

    def work(self, data: st.DataObject) -> None:
        """Tasks as they go well."""
        for _ in range(data.draw(st.integers(1, 6))):
            fetched = self.fetch(data)
            if fetched is None:
                return
            claimed = self.claim_token(*fetched)
            if claimed is not None:
                self.do(data, *claimed)
            model, wake_up = fetched
            model.gone = True
            self.workers[wake_up.worker_id].drop(wake_up)

    def fetch(self, data: st.DataObject) -> tuple[ModelToken, WakeUp] | None:
        worker = self.workers[pick(data, sorted(self.model.workers))]
        expected, wake_up = self.model.fetched_next(), worker.fetch()
        assert (wake_up and (wake_up.job_id, wake_up.seq)) == (expected and (expected.job.id, expected.seq))
        if wake_up is None or expected is None:
            return None
        expected.id, expected.worker = wake_up.id, worker.id
        self.wake_ups.append((expected, wake_up))
        return expected, wake_up

    def claim(self, data: st.DataObject) -> None:
        if self.wake_ups:
            self.claim_token(*pick(data, self.wake_ups[-6:]))

    def take(self, data: st.DataObject) -> None:
        fetched = self.fetch(data)
        if fetched is not None:
            self.claim_token(*fetched)

    def commit(self, data: st.DataObject) -> None:
        if self.claims:
            self.do(data, *self.any_claim(data))

    def report(self, data: st.DataObject) -> None:
        if self.claims:
            model, claim = self.any_claim(data)
            worker = self.workers[claim.wake_up.worker_id]
            found, chunked, embedded = data.draw(st.tuples(*[st.integers(0, 9)] * 3))
            self.agree(
                model.current,
                lambda: worker.report(claim, "embedding", found=found, chunked=chunked, embedded=embedded),
            )

    def put_back(self, data: st.DataObject) -> None:
        if self.claims:
            model, claim = self.any_claim(data)
            worker = self.workers[claim.wake_up.worker_id]
            self.agree(self.model.release(model), lambda: worker.release(claim))

    def block(self, data: st.DataObject) -> None:
        if not self.claims:
            return
        model, claim = self.any_claim(data)
        worker = self.workers[claim.wake_up.worker_id]

        def release_and_block() -> bool:
            with self.connection.transaction():
                return worker.release(claim) and bool(self.call("block_job", model.job.id, "service is away"))

        if model.batch.kind != "finish":
            self.agree(self.model.block(model), release_and_block)

    # What goes wrong, and what keeps it going

    def start_worker(self, _data: st.DataObject) -> None:
        worker = SqlWorker(self.connection)
        self.model.admit()  # the first thing that it does
        self.workers[worker.id] = worker
        self.model.workers[worker.id] = "alive"

    def lose_worker(self, data: st.DataObject) -> None:
        busy = {claim.wake_up.worker_id for model, claim in self.claims if model.current} & set(self.model.workers)
        worker = self.workers[pick(data, sorted(busy or self.model.workers))]
        how = pick(data, ["heart stopped", "lock lost", "left"])
        if how == "heart stopped":
            worker.die()
            if self.model.workers[worker.id] == "alive":
                self.model.workers[worker.id] = "heart stopped"
        elif how == "lock lost":
            worker.lose_lock()
            self.model.workers[worker.id] = "lock lost"
        else:
            self.connection.execute("select procrastinate_unregister_worker_v1(%s)", [worker.id])
            del self.model.workers[worker.id]

    def take_over(self, data: st.DataObject) -> None:
        """A worker dies with a batch in progress, and peers take what it had: its claim is stale while theirs
        counts."""
        self.take(data)
        self.lose_worker(data)
        self.reclaim_batches(data)
        if not self.model.workers:
            self.start_worker(data)
        for _ in range(data.draw(st.integers(1, 3))):
            self.take(data)

    def lose_token(self, data: st.DataObject) -> None:
        """By hand, or because the task that held it ended without a word."""
        wake_ups = [wake_up for wake_up in self.model.wake_ups if not wake_up.gone]
        if wake_ups:
            wake_up = pick(data, wake_ups)
            wake_up.gone = True
            self.connection.execute(
                "delete from procrastinate_jobs where case when %s::bigint is null"
                " then status = 'todo' and args = jsonb_build_object('job_id', %s::text, 'seq', %s::int)"
                " else id = %s end",
                [wake_up.id, str(wake_up.job.id), wake_up.seq, wake_up.id],
            )

    def reclaim_batches(self, _data: st.DataObject) -> None:
        self.agree(self.model.reclaim(), lambda: reclaim(self.connection))

    def heal_batches(self, _data: st.DataObject) -> None:
        self.agree(self.model.heal(), lambda: self.call("heal_batches"))

    def admit_jobs(self, _data: st.DataObject) -> None:
        self.agree(self.model.admit(), lambda: self.call("admit_jobs"))

    def tick(self, data: st.DataObject) -> None:
        # A worker without its session does not tick: it gets its lock back first.
        ticking = [worker for worker in self.workers if self.model.workers.get(worker) != "lock lost"]
        if ticking:
            worker = pick(data, ticking)
            self.agree(self.model.tick(worker), lambda: tick(self.connection, worker))

    def set_clock(self, data: st.DataObject) -> None:
        """Nothing happens, to nobody."""
        set_clock(self.connection, timedelta(hours=pick(data, [-4, 4, 40 * 24])))

    @invariant()
    def everything_holds(self) -> None:
        self.checks.everything_holds()

    # Inside

    def any_claim(self, data: st.DataObject) -> tuple[ModelClaim, Claim]:
        """One that counts, or one whose batch a peer has in progress now, or any of the last."""
        current = [(model, claim) for model, claim in self.claims if model.current]
        taken = [(m, claim) for m, claim in self.claims if m.batch.state == "running" and not m.current]
        return pick(data, pick(data, [current, current, taken, self.claims[-6:]]) or self.claims[-6:])

    def claim_token(self, expected: ModelToken, wake_up: WakeUp) -> tuple[ModelClaim, Claim] | None:
        claim = self.workers[wake_up.worker_id].claim(wake_up)
        model = self.model.claim(expected, attempt=claim.attempt if claim else 0)
        assert (claim is None) == (model is None)
        if claim is None or model is None:
            return None
        self.claims.append((model, claim))
        return model, claim

    def do(self, data: st.DataObject, model: ModelClaim, claim: Claim) -> None:
        """Commit a claim's work, stale or not."""
        worker = self.workers[claim.wake_up.worker_id]
        if model.batch.kind == "scan":
            tree = data.draw(TREES)
            embedder = claim.embedder or DEFAULT_MODEL
            self.agree(
                self.model.plan(model, tree),
                lambda: worker.plan(claim, tree, batch_files=BATCH_FILES, model=embedder),
            )
        elif model.batch.kind == "index":
            files = [model.job.snapshot[path] for path in claim.paths]
            skipped = data.draw(st.integers(0, len(files)))
            unchanged = data.draw(st.integers(0, len(files) - skipped))
            wrong_by = pick(data, [0, 0, 0, 0, 1])
            self.agree(
                self.model.complete(model, skipped=skipped, unchanged=unchanged, wrong_by=wrong_by),
                lambda: worker.complete(
                    claim, found=files, skipped=skipped, unchanged=unchanged, also_counted=wrong_by
                ),
            )
        else:
            self.agree(self.model.finish(model), lambda: worker.finish(claim))

    def agree(self, expected: object, call: Callable[[], object]) -> None:
        """The call returns what the model returns, or fails with the SQLSTATE that it names."""
        try:
            outcome = call()
        except psycopg.Error as error:
            if error.sqlstate is None or not error.sqlstate.startswith("PX"):
                raise
            outcome = error.sqlstate
        assert outcome == expected

    def call(self, function: str, *arguments: object) -> Any:
        row = self.connection.execute(
            f"select pgdex.{function}({', '.join(['%s'] * len(arguments))})", arguments
        ).fetchone()
        assert row is not None
        return row[0]


def pick(data: st.DataObject, items: Sequence[T]) -> T:
    """One of them, noted by its number: the items themselves would fill pages."""
    return items[data.draw(st.integers(0, len(items) - 1))]
