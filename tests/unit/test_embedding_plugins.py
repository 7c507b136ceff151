"""Embedders of other packages: a real package on the path, as the documentation has it, and broken ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pgdex.indexer.embedding import (
    Embedder,
    EmbedderMisconfigured,
    EmbedderUnavailable,
    InvalidEmbedderResponse,
    open_embedder,
)
from pgdex.indexer.embedding.testing import EmbedderTests
from tests.support.embedding_server import EmbeddingServer

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/write-an-embedder.md"
Package = Callable[..., None]


def example() -> str:
    """The module of the documentation."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    assert found is not None
    return found[1]


def write_package(folder: Path, source: str, *, name: str = "acme", module: str = "acme_embedder") -> None:
    """An installed package: a module and its metadata, with the entry point that the documentation names."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[pgdex.embedders]\nacme = {module}:open_acme\n")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Installs a package for one test."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)

    def install(source: str, *, name: str = "acme", module: str = "acme_embedder") -> None:
        write_package(site, source, name=name, module=module)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The documentation's package, for a whole class of tests."""
    site = tmp_path_factory.mktemp("packages") / "site"
    write_package(site, example())
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.delitem(sys.modules, "acme_embedder", raising=False)
        yield


@pytest.mark.usefixtures("documented")
class TestDocumentedPackage(EmbedderTests):
    def open(self) -> Embedder:
        return open_embedder("acme:64")


class TestHashing(EmbedderTests):
    def open(self) -> Embedder:
        return open_embedder("hashing")


class TestBundledModel(EmbedderTests):
    def open(self) -> Embedder:
        return open_embedder("code")


class TestService(EmbedderTests):
    """An embedder that is a service: the tests need nothing that only local ones have."""

    @pytest.fixture(autouse=True)
    def serve(self) -> object:
        with EmbeddingServer() as self.server:
            yield

    def open(self) -> Embedder:
        return open_embedder("openai:test-model", url=f"{self.server.url}/v1", timeout_seconds=10)


BROKEN = {
    "test_its_name_is_the_spec_by_which_it_is_opened_again": "name = ' acme '",
    "test_its_dimension_can_be_stored_and_does_not_change": "dimension = 20_000",
    "test_it_says_how_it_wants_to_be_called": "batch_size = 0",
    "test_each_text_has_a_vector_of_length_1": "embed = lambda self, texts, aborted=None: 2 * ok(texts)",
    "test_a_query_has_a_vector_of_the_same_kind": "embed_query = lambda self, text, aborted=None: ok([text])",
    "test_no_texts_give_no_vectors": "embed = lambda self, texts, aborted=None: ok(texts) if texts else ok(['a'])",
    "test_different_texts_have_different_vectors": "embed = lambda self, texts, aborted=None: ok(['a'] * len(texts))",
    "test_a_vector_depends_on_its_text_alone": (
        "embed = lambda self, texts, aborted=None: ok([text + str(len(texts)) for text in texts])"
    ),
    "test_two_embedders_give_the_same_vectors": (
        "embed = lambda self, texts, aborted=None: ok([text + str(id(self)) for text in texts])"
    ),
    "test_more_texts_than_a_batch_are_split": "embed = lambda self, texts, aborted=None: ok(texts[:8])",
    "test_odd_texts_have_vectors_too": "embed = lambda self, texts, aborted=None: ok([text[0] for text in texts])",
    "test_it_stops_when_it_is_told_to": "embed = lambda self, texts, aborted=None: ok(texts)",
    "test_several_threads_may_use_it_at_once": (
        "embed = lambda self, texts, aborted=None: ok(texts) if threading.current_thread() is threading.main_thread()"
        " else ok(texts[::-1])"
    ),
    "test_it_can_be_closed_twice": "close = lambda self: self.__dict__.pop('open')",
}


@pytest.mark.parametrize("test", BROKEN)
def test_each_test_for_authors_fails_for_an_embedder_that_breaks_its_promise(test: str) -> None:
    hashing = open_embedder("hashing:64")
    body: dict[str, object] = {}
    exec(BROKEN[test], {"ok": hashing.embed, "threading": __import__("threading")}, body)

    class Broken:
        name, dimension, is_remote, batch_size = "acme", 64, False, 8
        embed, embed_query, probe = (staticmethod(getattr(hashing, name)) for name in ("embed", "embed_query", "probe"))

        def __init__(self) -> None:
            self.open = True

        def close(self) -> None:
            pass

    class Tests(EmbedderTests):
        def open(self) -> Embedder:
            return type("Broken", (Broken,), body)()  # type: ignore[no-any-return]  # a class that is made here

    with pytest.raises((AssertionError, KeyError, IndexError)):
        getattr(Tests(), test)()


def test_the_tests_for_authors_are_all_broken_by_something_above() -> None:
    assert {name for name in vars(EmbedderTests) if name.startswith("test_")} == set(BROKEN)


def test_the_package_gets_what_was_asked_for(package: Package) -> None:
    package(example())
    assert open_embedder(" acme ").name == "acme:64"
    assert open_embedder("acme: 16").name == "acme:16"
    assert open_embedder("acme:16", dimension=8).dimension == 8


def test_a_provider_of_ours_cannot_be_replaced(package: Package) -> None:
    package(example())
    Path(next(iter(sys.path)), "acme-1.0.dist-info", "entry_points.txt").write_text(
        "[pgdex.embedders]\nhashing = acme_embedder:open_acme\n"
    )
    assert open_embedder("hashing:64").name == "hashing:64"


def test_an_unknown_provider_is_told_what_packages_bring(package: Package) -> None:
    package(example())
    with pytest.raises(EmbedderMisconfigured, match=r"'amce': use code, .* or acme$"):
        open_embedder("amce:64")


def test_two_packages_with_one_name_are_both_named(package: Package) -> None:
    package(example())
    package(example(), name="other", module="other_embedder")
    with pytest.raises(EmbedderMisconfigured, match="the package acme and the package other both bring"):
        open_embedder("acme:64")


@pytest.mark.parametrize(
    ("source", "saying"),
    [
        ("import nothing_of_that_name", "could not open 'acme:64': ModuleNotFoundError: No module named"),
        ("x = 1", "could not open 'acme:64': AttributeError"),
        ("def open_acme(request): raise RuntimeError('no\\nGPU')", "could not open 'acme:64': RuntimeError: no GPU"),
        ("def open_acme(request): return 5", "a int that lacks embed, embed_query, probe, close, is_remote"),
        (example() + "\nAcmeEmbedder.batch_size = 0\n", "batch_size must be a number from 1 on"),
        (example().replace('f"acme:', 'f"openai:'), "named 'openai:64': its name must begin with 'acme'"),
    ],
)
def test_a_package_that_does_not_work_is_named_with_the_reason(package: Package, source: str, saying: str) -> None:
    package(source)
    with pytest.raises(EmbedderMisconfigured) as raised:
        open_embedder("acme:64")
    assert "the embedding provider 'acme' of the package acme" in str(raised.value)
    assert saying in str(raised.value)


def test_what_a_package_says_of_its_service_is_passed_on(package: Package) -> None:
    package(
        "from pgdex.indexer.embedding import EmbedderUnavailable\n"
        "def open_acme(request): raise EmbedderUnavailable('the licence server is down')"
    )
    with pytest.raises(EmbedderUnavailable, match="the licence server is down"):
        open_embedder("acme:64")


@pytest.mark.parametrize(
    "wrong",
    ["vectors[:, :-1]", "vectors[:-1]", "vectors * np.nan", "None", "'vectors'", "vectors.astype(object) * 'x'[:0]"],
)
def test_vectors_that_would_spoil_an_index_are_refused(package: Package, wrong: str) -> None:
    package(example().replace("        return vectors\n", f"        return {wrong}\n"))
    embedder = open_embedder("acme:64")
    with pytest.raises((InvalidEmbedderResponse, TypeError)):
        embedder.embed(["one", "two"])


def test_vectors_of_another_length_are_scaled(package: Package) -> None:
    package(example().replace("        return vectors\n", "        return 7.0 * vectors\n"))
    vectors = open_embedder("acme:64").embed(["one", "two"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
