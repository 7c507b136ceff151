"""Voyage, Cohere, Jina and Gemini, each as its documentation says: what is sent, what comes back, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from pgdex.indexer.embedding import (
    Embedder,
    EmbedderMisconfigured,
    EmbedderUnavailable,
    InvalidEmbedderResponse,
    open_embedder,
)
from pgdex.indexer.embedding.cohere import CohereApi
from pgdex.indexer.embedding.gemini import GeminiApi
from pgdex.indexer.embedding.jina import JinaApi
from pgdex.indexer.embedding.voyage import VoyageApi
from pgdex.jobs.settings import Settings
from tests.support.embedding_server import EmbeddingServer, vector_of

PATHS = {"voyage": "/voyage/v1", "cohere": "", "jina": "/jina/v1", "gemini": "/v1beta"}
MODELS = (
    *("test-model", "jina-embeddings-v4", "jina-code-embeddings-0.5b", "jina-embeddings-v2-base-code"),
    "gemini-embedding-2",
)
ALL = pytest.mark.parametrize("provider", PATHS)
KEY = "a-key-that-nobody-may-see"


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(models=MODELS) as server:
        yield server


@pytest.fixture
def server(running: EmbeddingServer) -> EmbeddingServer:
    running.recover()
    running.reset_counts()
    return running


@contextmanager
def opened(
    provider: str, server: EmbeddingServer, *, model: str = "test-model", dimension: int | None = None
) -> Iterator[Embedder]:
    embedder = open_embedder(
        f"{provider}:{model}",
        url=server.url + PATHS[provider],
        api_key=SecretStr(KEY),
        dimension=dimension,
        timeout_seconds=10,
    )
    try:
        yield embedder
    finally:
        embedder.close()


def unit(text: str, dimension: int = 32) -> Any:
    vector = np.array(vector_of(text, dimension))
    return pytest.approx(vector / np.linalg.norm(vector), abs=1e-6)


def sent(server: EmbeddingServer) -> dict[str, Any]:
    return server.requests[-1][1]


@ALL
def test_texts_come_back_as_their_own_vectors_in_order(provider: str, server: EmbeddingServer) -> None:
    texts = [f"text number {number} ünïcödé" for number in range(300)]
    with opened(provider, server) as embedder:
        vectors = embedder.embed(texts)
        assert embedder.dimension == 32
    assert vectors.shape == (300, 32)
    for row in (0, 1, 95, 96, 128, 299):
        assert vectors[row] == unit(texts[row])
    assert server.counts().repeated_texts == 0
    assert server.counts().failed_calls == 0


@pytest.mark.parametrize(
    ("provider", "document", "query"),
    [
        ("voyage", {"input_type": "document", "truncation": True}, {"input_type": "query", "truncation": True}),
        (
            "cohere",
            {"input_type": "search_document", "embedding_types": ["float"], "truncate": "END"},
            {"input_type": "search_query", "embedding_types": ["float"], "truncate": "END"},
        ),
        (
            "jina",
            {"task": "retrieval.passage", "embedding_type": "float"},
            {"task": "retrieval.query", "embedding_type": "float"},
        ),
    ],
)
def test_a_text_is_sent_as_a_document_and_a_query_as_a_query(
    provider: str, document: dict[str, Any], query: dict[str, Any], server: EmbeddingServer
) -> None:
    field = "texts" if provider == "cohere" else "input"
    with opened(provider, server) as embedder:
        embedder.embed(["one", "two"])
        assert sent(server) == {"model": "test-model", field: ["one", "two"], **document}
        assert embedder.embed_query("three") == unit("three")
        assert sent(server) == {"model": "test-model", field: ["three"], **query}


def test_gemini_is_told_the_task_of_each_text_and_gets_the_key_in_its_own_header(server: EmbeddingServer) -> None:
    with opened("gemini", server, dimension=16) as embedder:
        embedder.embed(["one", "two"])
        common = {"model": "models/test-model", "outputDimensionality": 16}
        assert sent(server)["requests"] == [
            {**common, "taskType": "RETRIEVAL_DOCUMENT", "content": {"parts": [{"text": text}]}}
            for text in ("one", "two")
        ]
        embedder.embed_query("three")
        assert [one["taskType"] for one in sent(server)["requests"]] == ["CODE_RETRIEVAL_QUERY"]
    headers = {name.lower(): value for name, value in server.requests[-1][0].items()}
    assert headers["x-goog-api-key"] == KEY
    assert "authorization" not in headers


def test_the_second_gemini_model_has_its_task_in_the_text(server: EmbeddingServer) -> None:
    with opened("gemini", server, model="models/gemini-embedding-2") as embedder:
        assert embedder.name == "gemini:gemini-embedding-2"
        embedder.embed(["one"])
        assert embedder.embed_query("two") == unit("task: code retrieval | query: two")
    assert "taskType" not in sent(server)["requests"][0]
    assert server.requests[0][1]["requests"][0]["content"]["parts"] == [{"text": "title: none | text: one"}]


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("jina-embeddings-v4", "code.query"),
        ("jina-code-embeddings-0.5b", "nl2code.query"),
        ("jina-embeddings-v2-base-code", None),
    ],
)
def test_each_jina_model_gets_the_task_that_it_has_for_code(
    model: str, task: str | None, server: EmbeddingServer
) -> None:
    with opened("jina", server, model=model) as embedder:
        embedder.embed_query("three")
    assert sent(server).get("task") == task


@ALL
def test_a_dimension_that_was_asked_for_is_sent(provider: str, server: EmbeddingServer) -> None:
    with opened(provider, server, dimension=16) as embedder:
        assert embedder.dimension == 16
        assert embedder.embed(["one"])[0] == unit("one", 16)


@ALL
def test_an_unknown_model_a_wrong_key_and_an_outage_are_told_apart_and_show_no_key(
    provider: str, server: EmbeddingServer
) -> None:
    with opened(provider, server, model="other") as embedder, pytest.raises(EmbedderMisconfigured) as unknown:
        embedder.probe()
    assert "does not know the model 'other'" in str(unknown.value)
    with opened(provider, server) as embedder:
        server.fail("unauthorized")
        with pytest.raises(EmbedderMisconfigured) as refused:
            embedder.probe()
        server.fail("server_error")
        with pytest.raises(EmbedderUnavailable, match="the runner has crashed"):
            embedder.probe()
    assert "refused the API key" in str(refused.value)
    assert KEY not in str(refused.value)


@ALL
@pytest.mark.parametrize("fault", ["wrong_dimension", "nan", "zero", "too_few"])
def test_vectors_that_cannot_be_used_are_refused(provider: str, fault: str, server: EmbeddingServer) -> None:
    with opened(provider, server) as embedder:
        embedder.probe()
        server.fail(fault)
        with pytest.raises(InvalidEmbedderResponse):
            embedder.embed(["one", "two"])


@pytest.mark.parametrize(
    "api",
    [
        VoyageApi("it", "m", None),
        CohereApi("it", "m", None),
        JinaApi("it", "m", None),
        GeminiApi("it", "m", None),
    ],
    ids=lambda api: type(api).__name__,
)
@pytest.mark.parametrize("answer", [None, [], {}, {"data": 5}, {"embeddings": 5}, {"embeddings": [5]}, {"data": [{}]}])
def test_another_answer_is_named_as_such(api: Any, answer: object) -> None:
    with pytest.raises(InvalidEmbedderResponse, match="it answered without"):
        api.vectors(answer)


def test_a_name_of_a_model_leads_to_no_other_address() -> None:
    assert GeminiApi("it", "../../v1/x?y#z", None).path == "/models/..%2F..%2Fv1%2Fx%3Fy%23z:batchEmbedContents"


def test_a_service_gets_the_key_of_its_own_variable_and_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CO_API_KEY", "COHERE_API_KEY", "JINA_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "of-openai")
    monkeypatch.setenv("VOYAGE_API_KEY", "of-voyage")
    monkeypatch.setenv("GOOGLE_API_KEY", "of-google")
    monkeypatch.setenv("COHERE_API_KEY", "")

    def key(spec: str, settings: Settings) -> str | None:
        found = settings.api_key_for(spec)
        return None if found is None else found.get_secret_value()

    specs = ("openai:m", " voyage : m", "gemini:m", "cohere:m", "jina:m", "ollama:m", "acme:m", "code")
    assert [key(spec, Settings()) for spec in specs] == ["of-openai", "of-voyage", "of-google", *[None] * 5]
    own = Settings.read({"PGDEX_EMBEDDER_API_KEY": "mine"})
    assert {key(spec, own) for spec in specs} == {"mine"}
