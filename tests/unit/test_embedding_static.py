from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from model2vec import StaticModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from pgdex.indexer.embedding import (
    EmbedderMisconfigured,
    EmbeddingAborted,
    InvalidEmbedderResponse,
    open_embedder,
)
from pgdex.indexer.embedding.validation import wordless_vector

VOCABULARY = ["[UNK]", "read", "write", "file", "socket"]


def saved_model(folder: Path, vectors: object = None) -> Path:
    if vectors is None:
        vectors = np.random.default_rng(7).standard_normal((len(VOCABULARY), 8))
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    model = StaticModel(np.asarray(vectors, dtype=np.float32), tokenizer)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_model(tmp_path_factory.mktemp("models") / "tiny")


def test_a_model_is_loaded_from_its_folder_and_embeds(folder: Path) -> None:
    embedder = open_embedder(f"static:{folder}")
    embedder.probe()
    assert embedder.name == f"static:{folder}"
    assert embedder.dimension == 8
    vectors = embedder.embed(["read file", "write socket", "file read"])
    assert vectors.shape == (3, 8)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert vectors[0] == pytest.approx(vectors[2])
    assert vectors[0] != pytest.approx(vectors[1])
    assert embedder.embed_query("read file") == pytest.approx(vectors[0])


def test_the_vector_is_the_mean_of_the_tokens_vectors(tmp_path: Path) -> None:
    table = np.zeros((len(VOCABULARY), 3))
    table[1] = [3, 0, 0]
    table[3] = [0, 4, 0]
    embedder = open_embedder(f"static:{saved_model(tmp_path / 'm', table)}")
    assert embedder.embed(["read file"])[0] == pytest.approx([0.6, 0.8, 0])


@pytest.mark.parametrize("text", ["", "  ", "nothing of this is known", "\udcff"])
def test_a_text_of_unknown_tokens_gets_the_fixed_vector(folder: Path, text: str) -> None:
    vectors = open_embedder(f"static:{folder}").embed([text, "read"])
    assert vectors[0] == pytest.approx(wordless_vector(8))


def test_no_texts_give_no_vectors(folder: Path) -> None:
    assert open_embedder(f"static:{folder}").embed([]).shape == (0, 8)


def test_a_dimension_keeps_the_first_numbers(folder: Path) -> None:
    whole = open_embedder(f"static:{folder}").embed(["read"])[0]
    cut = open_embedder(f"static:{folder}", dimension=3).embed(["read"])[0]
    assert cut == pytest.approx(whole[:3] / np.linalg.norm(whole[:3]), abs=1e-6)


def test_a_dimension_that_the_model_does_not_have_is_refused(folder: Path) -> None:
    with pytest.raises(EmbedderMisconfigured, match="from 1 to 8, got 9"):
        open_embedder(f"static:{folder}", dimension=9)


def test_a_relative_folder_is_recorded_with_its_absolute_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert open_embedder("static:tiny").name == f"static:{folder}"


def test_a_missing_folder_is_named_without_asking_the_hub() -> None:
    with pytest.raises(EmbedderMisconfigured, match="there is no folder '/no/such/model'"):
        open_embedder("static:/no/such/model")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbedderMisconfigured, match="holds no model that model2vec can load"):
        open_embedder(f"static:{tmp_path}")


@pytest.mark.parametrize("broken", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_broken_file_in_the_folder_is_no_crash(tmp_path: Path, broken: str) -> None:
    folder = saved_model(tmp_path / "m")
    (folder / broken).write_bytes(b"\x00broken")
    with pytest.raises(EmbedderMisconfigured, match="holds no model that model2vec can load"):
        open_embedder(f"static:{folder}")


def test_a_hub_name_without_a_hub_says_to_give_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The hub's own switch for machines without internet; the cache is empty.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("model2vec.persistence.hf.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EmbedderMisconfigured) as raised:
        open_embedder("static:some-owner/some-model")
    assert "'some-owner/some-model'" in str(raised.value)
    assert "use static:/path/to/that/folder" in str(raised.value)


def test_without_the_extra_the_error_says_how_to_install_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "model2vec", None)  # how Python marks a module that can't be imported
    with pytest.raises(EmbedderMisconfigured, match=r"uv tool install 'pgdex\[model2vec\]'"):
        open_embedder(f"static:{folder}")


def test_a_model_that_holds_nan_is_an_invalid_response(tmp_path: Path) -> None:
    table = np.full((len(VOCABULARY), 4), np.nan)
    embedder = open_embedder(f"static:{saved_model(tmp_path / 'm', table)}")
    with pytest.raises(InvalidEmbedderResponse, match="NaN"):
        embedder.embed(["read"])


def test_an_abort_is_seen_between_blocks(folder: Path) -> None:
    answers = iter([False, True])
    with pytest.raises(EmbeddingAborted):
        open_embedder(f"static:{folder}").embed(["read"] * 1000, aborted=lambda: next(answers))


def test_several_threads_can_embed_at_once(folder: Path) -> None:
    embedder = open_embedder(f"static:{folder}")
    texts = ["read file", "write socket"] * 50
    expected = embedder.embed(texts).tobytes()
    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(embedder.embed, texts) for _ in range(100)]
        assert {result.result().tobytes() for result in results} == {expected}


def test_a_long_text_is_cut_at_the_models_own_limit(tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_length": 4}))
    embedder = open_embedder(f"static:{folder}")
    short, long = embedder.embed(["read " * 4, "read " * 4 + "file " * 100_000])
    assert long == pytest.approx(short)
