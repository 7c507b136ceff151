from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from pydantic import SecretStr

from pgdex.indexer.embedding import (
    Embedder,
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderUnavailable,
    InvalidEmbedderResponse,
    open_embedder,
)
from pgdex.indexer.embedding.ollama import OllamaApi
from pgdex.indexer.embedding.openai import OpenAiApi
from pgdex.indexer.embedding.validation import wordless_vector
from tests.support.embedding_server import EmbeddingServer, text_key, vector_of

BOTH = pytest.mark.parametrize("provider", ["ollama", "openai"])


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(models=("test-model", "nomic-embed-text")) as server:
        yield server


@pytest.fixture
def server(running: EmbeddingServer) -> Iterator[EmbeddingServer]:
    running.recover()
    running.reset_counts()
    yield running
    running.max_texts = running.max_text_bytes = None


def url_of(provider: str, server: EmbeddingServer) -> str:
    return server.url + ("/v1" if provider == "openai" else "")


@contextmanager
def opened(
    provider: str,
    server: EmbeddingServer,
    *,
    model: str = "test-model",
    url: str | None = None,
    api_key: SecretStr | None = None,
    dimension: int | None = None,
    timeout_seconds: float = 10,
) -> Iterator[Embedder]:
    embedder = open_embedder(
        f"{provider}:{model}",
        url=url or url_of(provider, server),
        api_key=api_key,
        dimension=dimension,
        timeout_seconds=timeout_seconds,
    )
    try:
        yield embedder
    finally:
        embedder.close()


def unit(text: str, dimension: int = 32) -> object:
    vector = np.array(vector_of(text, dimension))
    return pytest.approx(vector / np.linalg.norm(vector), abs=1e-6)


@BOTH
def test_texts_come_back_as_their_own_vectors_in_order(provider: str, server: EmbeddingServer) -> None:
    texts = [f"text number {number} ünïcödé" for number in range(300)]
    with opened(provider, server) as embedder:
        embedder.probe()
        assert embedder.dimension == 32
        vectors = embedder.embed(texts)
    assert vectors.shape == (300, 32)
    assert vectors.dtype == np.float32
    for row in (0, 1, 127, 128, 299):
        assert vectors[row] == unit(texts[row])
    assert {text_key(text) for text in texts} < server.embedded().keys()
    assert server.counts().repeated_texts == 0
    assert all(len(body["input"]) <= embedder.batch_size for _, body in server.requests)


@BOTH
def test_the_request_is_what_the_api_documents(provider: str, server: EmbeddingServer) -> None:
    with opened(provider, server) as embedder:
        embedder.embed(["one", "two"])
    (_, body), *_ = server.requests
    assert (
        body
        == {
            "ollama": {"model": "test-model", "input": ["one", "two"], "truncate": True},
            "openai": {"model": "test-model", "input": ["one", "two"], "encoding_format": "float"},
        }[provider]
    )


@BOTH
def test_a_dimension_that_was_asked_for_is_sent_and_known_at_once(provider: str, server: EmbeddingServer) -> None:
    with opened(provider, server, dimension=16) as embedder:
        assert embedder.dimension == 16
        assert embedder.embed(["one"])[0] == unit("one", 16)
    assert server.requests[0][1]["dimensions"] == 16


FAULTS = [
    ("server_error", EmbedderUnavailable, ['500 Internal Server Error): "the runner has crashed"']),
    ("overloaded", EmbedderUnavailable, ["503 Service Unavailable", "server busy"]),
    ("rate_limited", EmbedderUnavailable, ['is limiting requests (429): "Rate limit reached"']),
    ("down", EmbedderUnavailable, ["can't be reached", "is it running"]),
    ("hang", EmbedderUnavailable, ["did not answer within 0.4 s"]),
    ("drip", EmbedderUnavailable, ["did not answer within 0.4 s"]),
    ("cut_off", EmbedderUnavailable, ["broke off the connection"]),
    ("unauthorized", EmbedderMisconfigured, ["requires an API key, and none is set"]),
    ("not_found", EmbedderMisconfigured, ["does not know the model 'test-model' (404)"]),
    ("redirect", EmbedderMisconfigured, ["redirects to https://elsewhere.example/v1 (301)"]),
    ("wrong_dimension", InvalidEmbedderResponse, ["vectors of 33 numbers where 32 belong"]),
    ("nan", InvalidEmbedderResponse, ["holds NaN"]),
    ("zero", InvalidEmbedderResponse, ["a vector of zeros"]),
    ("too_few", InvalidEmbedderResponse, ["2 vectors for 3 texts"]),
    ("not_json", InvalidEmbedderResponse, ["not JSON (text/html)", "Welcome to our network"]),
]


@BOTH
@pytest.mark.parametrize(("fault", "expected", "phrases"), FAULTS)
def test_each_fault_is_told_apart_explained_and_over_when_it_is_over(
    provider: str,
    server: EmbeddingServer,
    fault: str,
    expected: type[EmbedderError],
    phrases: list[str],
) -> None:
    with opened(provider, server, timeout_seconds=0.4) as embedder:
        embedder.probe()
        server.fail(fault)
        with pytest.raises(EmbedderError) as raised:
            embedder.embed(["one", "two", "three"])
        assert type(raised.value) is expected
        message = str(raised.value)
        assert message.startswith(f"the embedding service at {url_of(provider, server)} ({provider}:test-model) ")
        for phrase in phrases:
            assert phrase in message
        server.recover()
        assert embedder.embed(["one"])[0] == unit("one")


@BOTH
def test_nothing_is_tried_again(provider: str, server: EmbeddingServer) -> None:
    server.fail("server_error")
    with opened(provider, server) as embedder, pytest.raises(EmbedderUnavailable):
        embedder.embed(["one"])
    assert server.counts().calls == 1


@BOTH
@pytest.mark.parametrize("fault", ["rate_limited", "overloaded"])
def test_the_time_to_wait_that_the_service_names_is_passed_on(
    provider: str, server: EmbeddingServer, fault: str
) -> None:
    server.fail(fault, retry_after="7")
    with opened(provider, server) as embedder, pytest.raises(EmbedderUnavailable) as raised:
        embedder.probe()
    assert raised.value.retry_after_seconds == 7
    assert "asks to wait for 7 s" in str(raised.value)


@BOTH
def test_a_slow_answer_is_an_answer(provider: str, server: EmbeddingServer) -> None:
    server.fail("slow", latency_ms=100)
    with opened(provider, server) as embedder:
        assert embedder.embed(["one"])[0] == unit("one")


@BOTH
def test_a_wrong_url_is_told_apart_from_a_wrong_model(provider: str, server: EmbeddingServer) -> None:
    with (
        opened(provider, server, url=f"{server.url}/wrong") as embedder,
        pytest.raises(EmbedderMisconfigured, match="offers no embeddings at this address") as raised,
    ):
        embedder.probe()
    assert "check the URL" in str(raised.value)


def test_an_unknown_ollama_model_comes_with_the_command_that_gets_it(
    server: EmbeddingServer,
) -> None:
    with (
        opened("ollama", server, model="other") as embedder,
        pytest.raises(EmbedderMisconfigured, match=r"or run: ollama pull other$"),
    ):
        embedder.probe()


@pytest.mark.parametrize("api", [OllamaApi, OpenAiApi])
@pytest.mark.parametrize("answer", [None, [], {}, {"data": 3}, {"data": [3]}, {"data": [{}]}, "text"])
def test_json_of_another_form_is_an_invalid_response(api: type[OllamaApi | OpenAiApi], answer: object) -> None:
    with pytest.raises(InvalidEmbedderResponse, match="it answered without"):
        api(service="it", model="m", dimension=None).vectors(answer)


@pytest.mark.parametrize("numbers", [[0, 0], [1, 2], [0, "x"], [0, None], [0, 1.5]])
def test_vectors_that_are_numbered_wrongly_are_invalid_responses(numbers: list[object]) -> None:
    api = OpenAiApi(service="it", model="m", dimension=None)
    with pytest.raises(InvalidEmbedderResponse, match="numbered its vectors wrongly"):
        api.vectors({"data": [{"index": number, "embedding": [1]} for number in numbers]})


@BOTH
def test_blank_texts_get_the_fixed_vector_and_are_not_sent(provider: str, server: EmbeddingServer) -> None:
    with opened(provider, server) as embedder:
        embedder.probe()
        server.reset_counts()
        vectors = embedder.embed(["", "one", " \n\t"])
        assert embedder.embed(["", ""]).shape == (2, 32)
        assert embedder.embed([]).shape == (0, 32)
        assert embedder.embed_query(" ") == pytest.approx(wordless_vector(32))
    assert vectors[0] == pytest.approx(wordless_vector(32))
    assert vectors[2] == pytest.approx(wordless_vector(32))
    assert vectors[1] == unit("one")
    assert server.counts().texts == 1


@BOTH
def test_blank_texts_alone_still_have_the_services_dimension(provider: str, server: EmbeddingServer) -> None:
    with opened(provider, server) as embedder:
        assert embedder.embed([""]).shape == (1, 32)


@BOTH
def test_a_text_that_no_utf8_can_hold_is_sent_with_a_question_mark(provider: str, server: EmbeddingServer) -> None:
    with opened(provider, server) as embedder:
        assert embedder.embed(["a\udcffb \x00 c"])[0] == unit("a?b \x00 c")


@pytest.mark.parametrize(("provider", "limit"), [("ollama", 32_000), ("openai", 8_000)])
def test_a_long_text_is_cut_before_it_is_sent(provider: str, limit: int, server: EmbeddingServer) -> None:
    with opened(provider, server) as embedder:
        vectors = embedder.embed(["a" * 100_000, "é" * 100_000])
    assert vectors[0] == unit("a" * limit)
    assert vectors[1] == unit("é" * (limit // 2))


@BOTH
def test_a_text_that_the_service_finds_too_long_is_cut_and_its_neighbours_are_not(
    provider: str, server: EmbeddingServer
) -> None:
    server.max_text_bytes = 500
    texts = [f"short {number}" for number in range(9)]
    texts[4] = "x" * 1800
    with opened(provider, server) as embedder:
        vectors = embedder.embed(texts)
    assert vectors[4] == unit("x" * 450)
    for row in (0, 3, 5, 8):
        assert vectors[row] == unit(texts[row])


@BOTH
def test_a_service_that_takes_fewer_texts_gets_fewer_from_then_on(provider: str, server: EmbeddingServer) -> None:
    server.max_texts = 10
    texts = [f"text {number}" for number in range(40)]
    with opened(provider, server) as embedder:
        vectors = embedder.embed(texts)
        assert embedder.batch_size <= 10
        calls = server.counts().calls
        embedder.embed(texts)
        assert server.counts().calls - calls == -(-40 // embedder.batch_size)
    for row, text in enumerate(texts):
        assert vectors[row] == unit(text)


@BOTH
def test_a_service_that_refuses_every_length_is_misconfigured(provider: str, server: EmbeddingServer) -> None:
    server.max_text_bytes = 1
    with opened(provider, server) as embedder, pytest.raises(EmbedderError) as raised:
        embedder.embed(["x" * 1000])
    assert type(raised.value) is EmbedderMisconfigured
    assert "refused a text as too long" in str(raised.value)
    assert server.counts().calls < 10


def test_the_texts_of_one_request_stay_within_openais_limit_of_tokens(
    server: EmbeddingServer,
) -> None:
    with opened("openai", server) as embedder:
        embedder.embed(["x" * 7_000] * 100)
    sizes = [sum(map(len, body["input"])) for _, body in server.requests]
    assert max(sizes) <= 300_000
    assert sum(sizes) == 700_000


@BOTH
def test_queries_and_documents_get_the_prefixes_of_their_model(provider: str, server: EmbeddingServer) -> None:
    with opened(provider, server, model="nomic-embed-text") as embedder:
        assert embedder.embed(["text"])[0] == unit("search_document: text")
        assert embedder.embed_query("text") == unit("search_query: text")


@BOTH
def test_several_threads_can_embed_at_once(provider: str, server: EmbeddingServer) -> None:
    texts = [f"text {number}" for number in range(64)]
    with opened(provider, server) as embedder, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda text: embedder.embed([text])[0], texts))
    for text, vector in zip(texts, results, strict=True):
        assert vector == unit(text)


@BOTH
def test_one_connection_serves_many_calls(provider: str, server: EmbeddingServer) -> None:
    with opened(provider, server) as embedder:
        before = server.counts().accepted_connections
        for _ in range(5):
            embedder.embed(["one"])
        assert server.counts().accepted_connections - before == 1


@BOTH
def test_a_proxy_in_the_environment_is_not_used_for_this_machine(
    provider: str, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with opened(provider, server) as embedder:
        embedder.probe()
