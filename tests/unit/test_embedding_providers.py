from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.embedding import EmbedderMisconfigured, open_embedder
from pgdex.indexer.embedding.prefixes import prefixes_for
from pgdex.indexer.embedding.providers import SERVICES
from pgdex.jobs import settings


def test_importing_the_package_loads_neither_numpy_nor_an_http_library_nor_a_model() -> None:
    heavy = ["numpy", "httpx2", "model2vec", "fastembed", "onnxruntime", "asyncio", "pydantic", "ssl"]
    code = f"import sys, pgdex.indexer.embedding; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_provider_is_quoted_with_the_ones_that_exist() -> None:
    with pytest.raises(EmbedderMisconfigured) as raised:
        open_embedder("olama:nomic-embed-text")
    assert str(raised.value) == (
        "unknown embedding provider 'olama': use code, hashing, static:FOLDER, fastembed:MODEL, ollama:MODEL,"
        " openai:MODEL, voyage:MODEL, cohere:MODEL, jina:MODEL or gemini:MODEL"
    )


@pytest.mark.parametrize(
    ("spec", "example"),
    [
        ("ollama", "ollama:nomic-embed-text"),
        ("ollama:", "ollama:nomic-embed-text"),
        ("openai: ", "openai:text-embedding-3-small"),
        ("voyage:", "voyage:voyage-code-3"),
        ("cohere", "cohere:embed-v4.0"),
        ("jina:", "jina:jina-code-embeddings-1.5b"),
        ("gemini: ", "gemini:gemini-embedding-001"),
        ("static", "static:/models/potion-code-16M"),
        ("fastembed:", "fastembed:BAAI/bge-small-en-v1.5"),
        ("hashing:", "hashing:512"),
    ],
)
def test_a_spec_without_its_second_half_is_quoted_with_an_example(spec: str, example: str) -> None:
    with pytest.raises(EmbedderMisconfigured) as raised:
        open_embedder(spec)
    assert repr(spec) in str(raised.value)
    assert example in str(raised.value)


def test_a_folder_of_an_onnx_model_that_is_missing_is_named_without_the_extra() -> None:
    with pytest.raises(EmbedderMisconfigured, match="there is no folder '/no/such/model'"):
        open_embedder("fastembed:/no/such/model")


@pytest.mark.parametrize("model", ["~no-such-user/model", "/a\0b", "/" + "x" * 10_000, "./\udcff"])
def test_what_can_be_no_path_is_no_folder_of_an_onnx_model(model: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match="there is no folder"):
        open_embedder(f"fastembed:{model}")


def test_without_the_extra_for_onnx_models_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)  # how Python marks a module that can't be imported
    with pytest.raises(EmbedderMisconfigured, match=r"uv tool install 'pgdex\[fastembed\]'"):
        open_embedder("fastembed:BAAI/bge-small-en-v1.5")


@pytest.mark.parametrize("dimension", [0, -1])
@pytest.mark.parametrize("spec", ["hashing", "openai:m", "ollama:m"])
def test_a_dimension_that_is_not_positive_is_refused(spec: str, dimension: int) -> None:
    with pytest.raises(EmbedderMisconfigured, match=f"must be positive, got {dimension}"):
        open_embedder(spec, dimension=dimension)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_timeout_that_is_not_positive_is_refused(seconds: float) -> None:
    with pytest.raises(EmbedderMisconfigured, match=f"must be positive, got {seconds}"):
        open_embedder("ollama:m", timeout_seconds=seconds)


@given(st.text())
def test_no_spec_raises_anything_but_misconfigured(spec: str) -> None:
    if spec.strip().startswith(("hashing", "static", *(f"{name}:" for name in SERVICES))):
        return
    with pytest.raises(EmbedderMisconfigured):
        open_embedder(spec)


@pytest.mark.parametrize("spec", ["hashing:0", "hashing:15", "hashing:4001", "hashing:9" * 40])
def test_a_hashing_dimension_that_cannot_be_indexed_is_refused(spec: str) -> None:
    with pytest.raises(EmbedderMisconfigured):
        open_embedder(spec)


@pytest.mark.parametrize("spec", ["hashing:big", "hashing:-1", "hashing:5.5", "hashing:²"])
def test_a_hashing_dimension_that_is_no_number_is_quoted(spec: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match="must be a whole number, as in hashing:512"):
        open_embedder(spec)


def test_two_different_dimensions_for_hashing_are_refused() -> None:
    with pytest.raises(EmbedderMisconfigured, match="another dimension than the 256"):
        open_embedder("hashing:512", dimension=256)


@pytest.mark.parametrize(
    ("spec", "dimension", "name"),
    [
        ("hashing", None, "hashing"),
        (" hashing ", None, "hashing"),
        ("hashing:256", None, "hashing"),
        ("hashing", 512, "hashing:512"),
        ("hashing:512", 512, "hashing:512"),
    ],
)
def test_the_same_hashing_has_one_name_however_it_is_asked_for(spec: str, dimension: int | None, name: str) -> None:
    assert open_embedder(spec, dimension=dimension).name == name


@pytest.mark.parametrize("spec", ["ollama:nomic-embed-text:v1.5", "openai:BAAI/bge-m3"])
def test_a_remote_name_is_the_full_spec_and_its_dimension_is_unknown_before_a_probe(
    spec: str,
) -> None:
    embedder = open_embedder(spec)
    assert embedder.name == spec
    with pytest.raises(RuntimeError, match="not known before probe"):
        _ = embedder.dimension
    embedder.close()


@pytest.mark.parametrize(
    ("model", "document", "query"),
    [
        ("nomic-embed-text:latest", "search_document: ", "search_query: "),
        ("nomic-ai/nomic-embed-text-v1.5", "search_document: ", "search_query: "),
        ("Nomic-Embed-Code", "", "Represent this query for searching relevant code: "),
        ("snowflake-arctic-embed2", "", "query: "),
        (
            "snowflake-arctic-embed:33m",
            "",
            "Represent this sentence for searching relevant passages: ",
        ),
        ("intfloat/e5-base-v2", "passage: ", "query: "),
        ("text-embedding-3-small", "", ""),
        ("bge-m3", "", ""),
    ],
)
def test_a_model_gets_the_prefixes_of_its_family(model: str, document: str, query: str) -> None:
    prefixes = prefixes_for(model)
    assert (prefixes.document, prefixes.query) == (document, query)


def test_every_service_keeps_several_batches_in_flight() -> None:
    assert set(settings.SERVICES) == set(SERVICES)
