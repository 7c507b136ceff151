"""A service that limits its callers for seconds is waited for inside the call, and what it answered before is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from pgdex.indexer.embedding import Embedder, EmbedderUnavailable, EmbeddingAborted, open_embedder
from pgdex.indexer.embedding.http_errors import Answer, error_for
from pgdex.indexer.embedding.patience import IN_ALL_SECONDS, LONGEST_WAIT, QUERY_SECONDS, Patience
from pgdex.indexer.embedding.service import open_service
from tests.support.embedding_server import EmbeddingServer

SERVICE = open_service(name="openai:m", model="m", url="http://127.0.0.1:1", api_key=None)


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as server:
        yield server


@pytest.fixture
def embedder(server: EmbeddingServer) -> Iterator[Embedder]:
    embedder = open_embedder("ollama:test-model", url=server.url, timeout_seconds=10)
    yield embedder
    embedder.close()


def limited(seconds: float | None) -> EmbedderUnavailable:
    return EmbedderUnavailable("too many", retry_after_seconds=seconds, limits_callers=True)


def test_a_short_limit_is_waited_out_inside_the_call(server: EmbeddingServer, embedder: Embedder) -> None:
    server.fail("rate_limited", retry_after="0.6", calls=1)
    started = time.monotonic()
    assert embedder.embed(["one", "two"]).shape == (2, 32)
    assert time.monotonic() - started >= 0.6
    assert server.counts().calls == 2


@pytest.mark.parametrize("retry_after", ["30", None, "soon"])
def test_a_long_or_unknown_limit_fails_the_call_at_once(
    server: EmbeddingServer, embedder: Embedder, retry_after: str | None
) -> None:
    server.fail("rate_limited", retry_after=retry_after)
    with pytest.raises(EmbedderUnavailable, match="is limiting requests"):
        embedder.embed(["one"])
    assert server.counts().calls == 1


def test_a_wait_ends_within_a_second_of_the_abort(server: EmbeddingServer, embedder: Embedder) -> None:
    server.fail("rate_limited", retry_after="15")
    with pytest.raises(EmbeddingAborted, match="given up as asked"):
        # Told to stop as soon as the service has refused.
        embedder.embed(["one"], aborted=lambda: server.counts().failed_calls > 0)
    started = time.monotonic()
    until = started + 0.3
    with pytest.raises(EmbeddingAborted):
        embedder.embed(["one"], aborted=lambda: time.monotonic() > until)
    assert time.monotonic() - until < 1


def test_closing_the_embedder_ends_a_wait(server: EmbeddingServer, embedder: Embedder) -> None:
    server.fail("rate_limited", retry_after="15")
    timer = threading.Timer(0.3, embedder.close)
    timer.start()
    started = time.monotonic()
    with pytest.raises(EmbeddingAborted, match="was closed"):
        embedder.embed(["one"])
    assert time.monotonic() - started < 5
    timer.join()


def test_waits_are_never_shorter_than_asked_and_differ() -> None:
    waits = [Patience(IN_ALL_SECONDS).wait_after(limited(4)) for _ in range(50)]
    assert all(wait is not None and 4 <= wait <= 5 for wait in waits)
    assert len(set(waits)) > 40


@pytest.mark.parametrize("asked", [0, 0.001, 1, 7, LONGEST_WAIT])
@pytest.mark.parametrize("seconds", [QUERY_SECONDS, IN_ALL_SECONDS])
def test_a_service_that_never_stops_limiting_is_given_up(asked: float, seconds: float) -> None:
    patience = Patience(seconds)
    waits: list[float] = []
    while (wait := patience.wait_after(limited(asked))) is not None:
        waits.append(wait)
        assert len(waits) < 20
    assert sum(waits) <= seconds


def test_only_a_limit_is_waited_for_not_a_service_in_trouble() -> None:
    assert Patience(60).wait_after(EmbedderUnavailable("busy", retry_after_seconds=1)) is None


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(429, b"", retry_after="2", retry_after_ms="350"), 0.35),
        (Answer(429, b"", retry_after="2", retry_after_ms="?"), 2),
        (Answer(429, b'{"error": {"details": [{"@type": "Help"}, {"retryDelay": "17.5s"}]}}'), 17.5),
        (Answer(429, b'{"error": {"details": [{"retryDelay": {}}]}}'), None),
        (Answer(429, b'{"error": {"details": 5}}'), None),
        (Answer(429, b"[" * 100_000), None),
    ],
)
def test_the_time_to_wait_is_read_where_services_put_it(answer: Answer, seconds: float | None) -> None:
    error = error_for(answer, SERVICE)
    assert isinstance(error, EmbedderUnavailable)
    assert (error.retry_after_seconds, error.limits_callers) == (seconds, True)


def test_an_error_brings_the_vectors_of_the_requests_before_it(server: EmbeddingServer, embedder: Embedder) -> None:
    texts = ["", *(f"text {number}" for number in range(99))]
    wanted = embedder.embed(texts)
    server.reset_counts()

    def fail_after_two() -> bool:
        if server.counts().calls == 2:
            server.fail("server_error")
        return False

    with pytest.raises(EmbedderUnavailable) as raised:
        embedder.embed(texts, aborted=fail_after_two)
    assert raised.value.embedded is not None
    # Of 32 texts each; a blank one is not sent.
    np.testing.assert_array_equal(raised.value.embedded, wanted[:65])


def test_an_error_of_the_first_request_brings_nothing(server: EmbeddingServer, embedder: Embedder) -> None:
    server.fail("server_error")
    with pytest.raises(EmbedderUnavailable) as raised:
        embedder.embed(["one"])
    assert raised.value.embedded is None
