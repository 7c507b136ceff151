"""The test service itself, as other tests will use it: in a process of its own."""

from __future__ import annotations

import pytest

from pgdex.indexer.embedding import EmbedderUnavailable, open_embedder
from tests.support.embedding_server import EmbeddingServerProcess, text_key, vector_of


def test_a_server_process_counts_fails_and_recovers_on_demand() -> None:
    with EmbeddingServerProcess("--dimension", "8") as server:
        embedder = open_embedder("ollama:test-model", url=server.url)
        embedder.embed(["one", "two"])
        embedder.embed(["two"])
        assert server.embedded() == {text_key("one"): 1, text_key("two"): 2}
        counts = server.counts()
        assert (counts.calls, counts.texts, counts.repeated_texts) == (2, 3, 1)

        server.fail("down")
        with pytest.raises(EmbedderUnavailable, match="can't be reached"):
            embedder.probe()
        server.recover()
        embedder.probe()

        server.reset_counts()
        server.fail("server_error", calls=2)
        for _ in range(2):
            with pytest.raises(EmbedderUnavailable):
                embedder.probe()
        embedder.probe()
        assert (server.counts().calls, server.counts().failed_calls) == (3, 2)
        embedder.close()
    assert server.process.returncode is not None


def test_vectors_depend_on_the_text_alone() -> None:
    assert vector_of("one", 4) == vector_of("one", 4) == vector_of("one", 8)[:4]
    assert vector_of("one", 4) != vector_of("two", 4)
