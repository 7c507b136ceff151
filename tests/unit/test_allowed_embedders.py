"""Which embedders a worker uses for jobs of those who may not do a worker's work."""

import pytest

from pgdex.indexer.embedding import EmbedderMisconfigured
from pgdex.jobs import embedders
from pgdex.jobs.embedders import embedder_of_job, is_allowed
from pgdex.jobs.settings import Settings


def settings(embedder: str = "code", allowed: str | None = None) -> Settings:
    return Settings(embedder=embedder, allowed_embedders=allowed)


@pytest.mark.parametrize("asked", ["code", "code:1", "hashing", "hashing:64", " hashing : 64 "])
def test_what_sends_nothing_anywhere_is_always_allowed(asked: str) -> None:
    assert is_allowed(asked, settings("ollama:x"))


@pytest.mark.parametrize("asked", ["openai:x", "ollama:x", "static:/models/a", "fastembed:a/b", "unknown", ""])
def test_services_and_folders_are_not_by_default(asked: str) -> None:
    assert not is_allowed(asked, settings())


def test_the_workers_own_is_allowed_however_it_is_written() -> None:
    assert is_allowed("ollama:x", settings(" ollama: x "))
    assert is_allowed("static:/models/a", settings("static:/models/../models/a/"))
    assert is_allowed("fastembed:/models/a", settings("fastembed:/models/./a/"))
    assert not is_allowed("ollama:y", settings("ollama:x"))
    assert not is_allowed("ollama:X", settings("ollama:x"))


def test_the_setting_allows_more_with_patterns() -> None:
    own = settings(allowed="openai:text-embedding-3-small, ollama:*")
    assert is_allowed("openai:text-embedding-3-small", own)
    assert is_allowed("ollama:nomic-embed-text", own)
    assert not is_allowed("openai:text-embedding-3-large", own)
    assert not is_allowed("static:/etc", own)


def test_a_refusal_says_what_is_used_and_what_would_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedders, "settings", settings)
    with pytest.raises(EmbedderMisconfigured) as caught:
        embedder_of_job("openai:x", allowed=False)
    assert "only to their own (code)" in str(caught.value)
    assert "PGDEX_ALLOWED_EMBEDDERS=openai:x" in str(caught.value)
    assert embedder_of_job(None, allowed=False).name.startswith("code")
    assert embedder_of_job("hashing:64", allowed=False).name == "hashing:64"
