"""Limits of requests and tokens per minute: what the database hands out, and that workers keep to it."""

import time
from pathlib import Path

import pytest

from pgdex.jobs.batches.pacing import estimated_tokens
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection
from tests.support.embedding_server import EmbeddingServer
from tests.support.job_checks import value
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

TAKE = "select pgdex.take_embedder_budget(%s, %s, %s, %s, %s)"


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    """A service that takes a request every other second."""
    return {**service_configuration, "embedder_requests_per_minute": 30, "batch_files": 4}


def take(
    connection: Connection,
    *,
    per_minute: tuple[float | None, float | None],
    requests: float = 1,
    tokens: float = 0,
    embedder: str = "a",
) -> float:
    seconds = value(connection, TAKE, embedder, *per_minute, requests, tokens)
    assert isinstance(seconds, float)
    return seconds


def pass_time(connection: Connection, seconds: float) -> None:
    """As if the last call were so much longer ago."""
    connection.execute(
        "update pgdex.embedder_budgets set refilled_at = refilled_at - make_interval(secs => %s)", [seconds]
    )


def test_calls_have_turns_at_the_rate_that_was_asked_for(connection: Connection) -> None:
    waits = [take(connection, per_minute=(60, None)) for _ in range(10)]
    assert waits[:6] == [0] * 6, "a tenth of a minute's worth at once"
    assert waits[6:] == pytest.approx([1, 2, 3, 4], abs=0.5)
    assert take(connection, per_minute=(60, None), embedder="b") == 0


def test_tokens_count_beside_requests_and_the_longer_wait_holds(connection: Connection) -> None:
    assert take(connection, per_minute=(600, 6_000), tokens=600) == 0
    assert take(connection, per_minute=(600, 6_000), tokens=200) == pytest.approx(2, abs=0.5)
    assert take(connection, per_minute=(600, 6_000), tokens=100) == pytest.approx(3, abs=0.5)


def test_a_call_that_is_larger_than_a_minutes_worth_has_its_turn_too(connection: Connection) -> None:
    assert take(connection, per_minute=(None, 600), tokens=660) == pytest.approx(60, abs=0.5)


def test_time_fills_the_budget_up_to_a_tenth_of_a_minute(connection: Connection) -> None:
    for _ in range(16):
        take(connection, per_minute=(60, None))
    pass_time(connection, 4)
    assert take(connection, per_minute=(60, None)) == pytest.approx(7, abs=0.5)
    pass_time(connection, 10_000_000)
    assert [take(connection, per_minute=(60, None)) for _ in range(7)] == pytest.approx([0] * 6 + [1], abs=0.5)


def test_a_clock_that_is_set_back_neither_stops_the_calls_nor_lets_them_go(connection: Connection) -> None:
    for _ in range(8):
        take(connection, per_minute=(60, None))
    pass_time(connection, -86_400)
    assert take(connection, per_minute=(60, None)) == pytest.approx(3, abs=0.5)
    pass_time(connection, 2)
    assert take(connection, per_minute=(60, None)) == pytest.approx(2, abs=0.5)


def test_a_limit_that_is_lifted_leaves_no_debt(connection: Connection) -> None:
    take(connection, per_minute=(None, 600), tokens=60_000)
    assert take(connection, per_minute=(60, None)) < 2
    assert take(connection, per_minute=(None, 600), tokens=10) < 2


def test_workers_keep_to_the_limit_together_and_a_cancelled_job_stops_waiting(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(2)
    workers.wait_until_alive(2)
    service.reset_counts()
    started = time.monotonic()
    job = client.start(python_tree(tmp_path / "repository", 120)).job_id  # 30 requests
    wait_for(lambda: service.counts().calls >= 5, what="some requests")
    elapsed = time.monotonic() - started
    time.sleep(2)

    # Three at once and one every other second; each process tries the service once.
    assert service.counts().calls <= 3 + (elapsed + 2) / 2 + 3 + 1
    client.cancel(job)
    cancelled = time.monotonic()
    wait_for(
        lambda: value(client.connection, "select count(*) from pgdex.procrastinate_jobs where status = 'doing'") == 0,
        what="workers that stop",
    )
    assert time.monotonic() - cancelled < 5
    assert wait_for_end(client, job, workers=workers).status == "cancelled"


def test_the_estimate_is_of_bytes_and_takes_every_text() -> None:
    assert estimated_tokens(["", "abc", "ü" * 30, "\ud800"]) == 1 + 2 + 21 + 1
