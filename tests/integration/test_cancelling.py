"""A cancelled job stops within its promise, whatever its workers are doing, and leaves a sound index."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from pgdex.jobs.client.client import Client
from pgdex.jobs.errors import JobIsFinal
from tests.support.databases import settings_for
from tests.support.embedding_server import MODEL, EmbeddingServer
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for
from tests.support.workers import Workers, workers_on

PROMISE_SECONDS = 5.0
IN_PROGRESS = "select count(*) from pgdex.procrastinate_jobs where status = 'doing'"
PHASE = "select phase from pgdex.job_batches where job_id = %s and state = 'running'"


def phase_of(client: Client, job: UUID) -> object:
    row = client.connection.execute(PHASE, [job]).fetchone()
    return row[0] if row else None


def assert_stops(client: Client, job: UUID, workers: Workers) -> None:
    """Cancel; the worker has nothing in progress soon afterwards, lives, and does the next job."""
    started = time.monotonic()
    assert client.cancel(job).previous_status == "running"
    assert time.monotonic() - started < 1, "acknowledged at once"
    wait_for(
        lambda: client.connection.execute(IN_PROGRESS).fetchone() == (0,), what="idle workers", seconds=PROMISE_SECONDS
    )
    assert client.status(job).status == "cancelled"
    assert [process.poll() for process in workers.processes] == [None]
    assert_index_is_sound(client.connection)
    open_batches = client.connection.execute(
        "select count(*) from pgdex.job_batches where job_id = %s and state in ('waiting', 'running')", [job]
    ).fetchone()
    assert open_batches == (0,)


def test_during_an_embedding_call_that_never_ends(
    database_url: str, processes_folder: Path, service: EmbeddingServer, tmp_path: Path
) -> None:
    model = f"ollama:{MODEL}"
    with (
        Client.open(settings_for(database_url, embedder=model, embedder_url=service.url)) as client,
        workers_on(database_url, processes_folder, PGDEX_EMBEDDER=model, PGDEX_EMBEDDER_URL=service.url) as workers,
    ):
        workers.wait_until_alive(1)
        job = client.start(python_tree(tmp_path / "repository", 20)).job_id
        service.fail("hang")
        wait_for(lambda: service.counts().failed_calls > 0, what="a call that hangs")
        assert_stops(client, job, workers)


def test_while_a_large_file_is_cut(client: Client, workers: Workers, tmp_path: Path) -> None:
    block = "".join(f"def function_{n}(a, b):\n    return [a * {n}, b, (a, b)]\n\n\n" for n in range(16_000))
    tree = write_tree(tmp_path / "repository", {f"large_{number}.py": block[: 1 << 20] for number in range(12)})
    workers.start()
    workers.wait_until_alive(1)
    job = client.start(tree).job_id
    wait_for(lambda: phase_of(client, job) == "chunking", what="a file in progress")
    time.sleep(0.3)
    assert_stops(client, job, workers)


def test_while_a_large_tree_is_listed(client: Client, workers: Workers, tmp_path: Path) -> None:
    tree = tmp_path / "repository"
    for number in range(200):
        (tree / f"folder_{number}").mkdir(parents=True)
        for file in range(100):
            (tree / f"folder_{number}" / f"file_{file}.py").touch()
    workers.start()
    workers.wait_until_alive(1)
    job = client.start(tree).job_id
    wait_for(lambda: phase_of(client, job) == "scanning", what="a scan")
    assert_stops(client, job, workers)


def test_two_cancellations_at_once_have_one_outcome(client: Client, database_url: str, tmp_path: Path) -> None:
    for number in range(10):
        job = client.start(python_tree(tmp_path / f"repository_{number}", 1)).job_id

        def cancel(job: UUID = job) -> str:
            with Client.open(settings_for(database_url)) as other:
                try:
                    return other.cancel(job).previous_status
                except JobIsFinal as error:
                    return str(error)

        with ThreadPoolExecutor(4) as threads:
            answers = sorted(call.result() for call in [threads.submit(cancel) for _ in range(4)])
        refusal = f"job {job} is already cancelled: only pending, running and blocked jobs can be cancelled"
        assert answers == sorted(["pending", refusal, refusal, refusal])
        events = [event.event_type for event in client.events(job)]
        assert events == ["created", "cancelled"]
