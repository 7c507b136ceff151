"""A call to a service can be stopped at any moment, and leaves nothing behind."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from pgdex.indexer.embedding import Embedder, EmbeddingAborted, open_embedder
from tests.support.embedding_server import EmbeddingServer

BOTH = pytest.mark.parametrize("provider", ["ollama", "openai"])
STALLS = pytest.mark.parametrize("fault", ["hang", "drip"])


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as server:
        yield server


def opened(provider: str, server: EmbeddingServer) -> Embedder:
    path = "/v1" if provider == "openai" else ""
    return open_embedder(f"{provider}:test-model", url=server.url + path, timeout_seconds=60)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def embedding_threads() -> int:
    return sum(thread.name.startswith("embedding ") for thread in threading.enumerate())


def has_seen(server: EmbeddingServer, calls: int) -> bool:
    return server.counts().calls >= calls


@BOTH
@STALLS
def test_a_call_that_hangs_ends_within_half_a_second_of_the_abort(
    provider: str, fault: str, server: EmbeddingServer
) -> None:
    embedder = opened(provider, server)
    server.fail(fault)
    abort = threading.Event()
    ended: list[float] = []

    def embed() -> None:
        with pytest.raises(EmbeddingAborted, match="was given up as asked"):
            embedder.embed(["one"], aborted=abort.is_set)
        ended.append(time.monotonic())

    thread = threading.Thread(target=embed)
    thread.start()
    assert eventually(lambda: server.counts().calls == 1)
    aborted_at = time.monotonic()
    abort.set()
    thread.join(10)
    # The promise itself, against a limit of 60 s; measured, it takes under 0.06 s.
    assert ended
    assert ended[0] - aborted_at < 0.5
    embedder.close()


@BOTH
@STALLS
def test_aborted_calls_leave_neither_connections_nor_threads_and_the_next_call_works(
    provider: str, fault: str, server: EmbeddingServer
) -> None:
    embedder = opened(provider, server)
    embedder.probe()
    threads = embedding_threads()
    server.fail(fault)
    for call in range(2, 12):
        arrived = partial(has_seen, server, call)
        with pytest.raises(EmbeddingAborted):
            embedder.embed(["one"], aborted=arrived)
    assert embedding_threads() == threads
    assert eventually(lambda: server.counts().open_connections == 0)
    server.recover()
    assert embedder.embed(["one"]).shape == (1, 32)
    embedder.close()


@BOTH
def test_an_abort_between_two_requests_sends_no_more(provider: str, server: EmbeddingServer) -> None:
    embedder = opened(provider, server)
    with pytest.raises(EmbeddingAborted):
        embedder.embed(["text"] * 1000, aborted=lambda: server.counts().calls >= 2)
    assert server.counts().calls == 2
    embedder.close()


@BOTH
def test_closing_from_another_thread_ends_the_calls_under_way(provider: str, server: EmbeddingServer) -> None:
    embedder = opened(provider, server)
    server.fail("hang")
    caught: list[BaseException] = []

    def embed() -> None:
        try:
            embedder.embed(["one"])
        except BaseException as error:
            caught.append(error)

    threads = [threading.Thread(target=embed) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: server.counts().calls == 3)
    embedder.close()
    for thread in threads:
        thread.join(10)
    assert [type(error) for error in caught] == [EmbeddingAborted] * 3
    assert eventually(lambda: server.counts().open_connections == 0)


@BOTH
def test_closing_twice_is_allowed_and_a_call_afterwards_is_aborted(provider: str, server: EmbeddingServer) -> None:
    embedder = opened(provider, server)
    embedder.probe()
    embedder.close()
    embedder.close()
    with pytest.raises(EmbeddingAborted, match="was closed"):
        embedder.embed(["one"])


@BOTH
def test_an_embedder_that_nobody_closed_leaves_no_thread(provider: str, server: EmbeddingServer) -> None:
    threads = embedding_threads()
    embedder = opened(provider, server)
    embedder.probe()
    assert embedding_threads() == threads + 1
    del embedder
    gc.collect()
    assert embedding_threads() == threads
    assert eventually(lambda: server.counts().open_connections == 0)


@BOTH
def test_an_error_in_the_abort_flag_ends_the_call_and_its_request(provider: str, server: EmbeddingServer) -> None:
    class Cancelled(Exception):
        pass

    def aborted() -> bool:
        if server.counts().calls:
            raise Cancelled
        return False

    embedder = opened(provider, server)
    server.fail("hang")
    with pytest.raises(Cancelled):
        embedder.embed(["one"], aborted=aborted)
    assert eventually(lambda: server.counts().open_connections == 0)
    embedder.close()


@BOTH
def test_a_probe_can_be_aborted_too(provider: str, server: EmbeddingServer) -> None:
    embedder = opened(provider, server)
    server.fail("hang")
    with pytest.raises(EmbeddingAborted):
        embedder.probe(aborted=lambda: server.counts().calls > 0)
    embedder.close()
