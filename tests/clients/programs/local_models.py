"""What pgdex promises of ONNX models, for pytest in an environment with fastembed: tests/clients/test_local_models.py.

The models are made here: one layer, whose vectors can be computed by hand.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from pgdex.indexer.embedding import (
    Embedder,
    EmbedderMisconfigured,
    EmbeddingAborted,
    InvalidEmbedderResponse,
    open_embedder,
)
from pgdex.indexer.embedding.fastembed import hub_repository
from pgdex.indexer.embedding.testing import EmbedderTests

PAD = "<pad>"
# A token for each byte, so that every text has tokens.
VOCABULARY = {token: number for number, token in enumerate([PAD, *sorted(ByteLevel.alphabet())])}
TABLE = np.random.default_rng(7).standard_normal((len(VOCABULARY), 8)).astype(np.float32)
MODEL = "BAAI/bge-small-en-v1.5"
"""A model that fastembed knows, which pools by the first token."""


def saved(
    folder: Path,
    *,
    table: NDArray[np.float32] = TABLE,
    pooling: object = "pooling_mode_mean_tokens",
    pooled: bool = False,
    layers: int = 0,
    longest: int = 512,
    network: str = "onnx/model.onnx",
) -> Path:
    """A model whose tokens' vectors are the rows of a table. `pooled` has it give the first token's vector for each
    text; `layers` are so many multiplications with the unit matrix, which take time and change nothing."""
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / network).parent.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(BPE(vocab=VOCABULARY, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    written = {
        "tokenizer_config.json": {"model_max_length": longest, "pad_token": PAD},
        "config.json": {"pad_token_id": 0},
        "1_Pooling/config.json": {pooling: True} if isinstance(pooling, str) else pooling,
    }
    for name, value in written.items():
        (folder / name).write_text(json.dumps(value))
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["x0"])]
    nodes += [helper.make_node("MatMul", [f"x{n}", "unit"], [f"x{n + 1}"]) for n in range(layers)]
    dimension = table.shape[1]
    constants = [numpy_helper.from_array(table, "table")]
    if layers:
        constants.append(numpy_helper.from_array(np.eye(dimension, dtype=np.float32), "unit"))
    if pooled:
        constants.append(numpy_helper.from_array(np.array(0, dtype=np.int64), "first"))
        nodes.append(helper.make_node("Gather", [f"x{layers}", "first"], ["sentence_embedding"], axis=1))
        output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["texts", dimension])
    else:
        nodes.append(helper.make_node("Identity", [f"x{layers}"], ["last_hidden_state"]))
        output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["texts", "tokens", dimension])
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    graph = helper.make_graph(nodes, "model", inputs, [output], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / network)
    return folder


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return scaled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes seconds for a long text."""
    table = np.random.default_rng(7).standard_normal((len(VOCABULARY), 1024)).astype(np.float32)
    return saved(tmp_path_factory.mktemp("models") / "slow", table=table, layers=4, longest=8_192)


class TestFolder(EmbedderTests):
    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> Embedder:
        return open_embedder(f"fastembed:{self.folder}")


@pytest.mark.parametrize(
    ("pooling", "wanted"),
    [
        ("pooling_mode_mean_tokens", lambda tokens: tokens.mean(axis=0)),
        ("pooling_mode_cls_token", lambda tokens: tokens[0]),
        ("pooling_mode_lasttoken", lambda tokens: tokens[-1]),
        ({"pooling_mode": "mean"}, lambda tokens: tokens.mean(axis=0)),
        ({"pooling_mode": "cls", "pooling_mode_mean_tokens": False}, lambda tokens: tokens[0]),
    ],
)
def test_the_vectors_of_tokens_are_pooled_as_the_folder_says(tmp_path: Path, pooling: object, wanted: object) -> None:
    embedder = open_embedder(f"fastembed:{saved(tmp_path / 'm', pooling=pooling)}")
    texts = ["b", "ab", "a longer text"]
    assert callable(wanted)
    for text, vector in zip(texts, embedder.embed(texts), strict=True):
        tokens = TABLE[[VOCABULARY["Ġ" if character == " " else character] for character in text]]
        assert vector == pytest.approx(unit(wanted(tokens)), abs=1e-5)


def test_a_network_that_pools_itself_needs_no_word_about_pooling(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", pooled=True)
    (folder / "1_Pooling" / "config.json").unlink()
    vectors = open_embedder(f"fastembed:{folder}").embed(["ab", "b"])
    assert vectors == pytest.approx(np.array([unit(TABLE[VOCABULARY["a"]]), unit(TABLE[VOCABULARY["b"]])]), abs=1e-5)


@pytest.mark.parametrize(
    "pooling",
    [{"pooling_mode_max_tokens": True}, {}, {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}],
)
def test_a_pooling_that_fastembed_lacks_is_refused(tmp_path: Path, pooling: object) -> None:
    with pytest.raises(EmbedderMisconfigured, match="fastembed can do mean, cls or lasttoken, one of them"):
        open_embedder(f"fastembed:{saved(tmp_path / 'm', pooling=pooling)}")


def test_without_a_word_about_pooling_the_error_says_what_to_write(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    (folder / "1_Pooling" / "config.json").unlink()
    with pytest.raises(EmbedderMisconfigured, match=r'lacks 1_Pooling/config.json.*\{"pooling_mode": "mean"\}'):
        open_embedder(f"fastembed:{folder}")


def test_the_prompts_of_a_folder_go_before_texts_and_queries(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    plain = open_embedder(f"fastembed:{folder}").embed(["q: where", "d: here"])
    prompts = {"prompts": {"query": "q: ", "document": "d: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    embedder = open_embedder(f"fastembed:{folder}")
    assert embedder.embed_query("where") == pytest.approx(plain[0])
    assert embedder.embed(["here"])[0] == pytest.approx(plain[1])


def test_a_folder_that_is_named_as_a_known_model_gets_its_prefixes(tmp_path: Path, folder: Path) -> None:
    named = open_embedder(f"fastembed:{saved(tmp_path / 'e5-small-v2')}")
    plain = open_embedder(f"fastembed:{folder}")
    assert named.embed_query("where") == pytest.approx(plain.embed(["query: where"])[0])


def test_a_relative_folder_is_recorded_with_its_absolute_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert open_embedder("fastembed:tiny").name == f"fastembed:{folder}"


def test_a_dimension_keeps_the_first_numbers_and_no_more_than_there_are(folder: Path) -> None:
    whole = open_embedder(f"fastembed:{folder}").embed(["read"])[0]
    cut = open_embedder(f"fastembed:{folder}", dimension=3)
    assert cut.dimension == 3
    assert cut.embed(["read"])[0] == pytest.approx(unit(whole[:3]), abs=1e-6)
    with pytest.raises(EmbedderMisconfigured, match="from 1 to 8, got 9"):
        open_embedder(f"fastembed:{folder}", dimension=9)


def test_an_empty_folder_and_one_with_a_choice_of_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderMisconfigured, match="holds no ONNX file"):
        open_embedder(f"fastembed:{tmp_path}")
    folder = saved(tmp_path / "m", network="onnx/model_int8.onnx")
    assert open_embedder(f"fastembed:{folder}").dimension == 8
    (folder / "onnx" / "model_q4.onnx").write_bytes((folder / "onnx" / "model_int8.onnx").read_bytes())
    with pytest.raises(EmbedderMisconfigured, match=r"several ONNX files \(onnx/model_int8.onnx, onnx/model_q4.onnx\)"):
        open_embedder(f"fastembed:{folder}")


@pytest.mark.parametrize("rubbish", [b"", b"\x00broken", b"[]", b"{}"])
@pytest.mark.parametrize(
    "broken", ["onnx/model.onnx", "tokenizer.json", "tokenizer_config.json", "1_Pooling/config.json"]
)
def test_a_broken_file_in_the_folder_is_no_crash(tmp_path: Path, broken: str, rubbish: bytes) -> None:
    folder = saved(tmp_path / "m")
    (folder / broken).write_bytes(rubbish)
    with pytest.raises(EmbedderMisconfigured, match=str(folder)):
        open_embedder(f"fastembed:{folder}")


@pytest.mark.parametrize("missing", ["tokenizer.json", "tokenizer_config.json"])
def test_a_missing_file_of_the_tokenizer_is_named(tmp_path: Path, missing: str) -> None:
    folder = saved(tmp_path / "m")
    (folder / missing).unlink()
    with pytest.raises(EmbedderMisconfigured, match=f"has no {missing}, which the model's tokenizer needs"):
        open_embedder(f"fastembed:{folder}")


def test_a_tokenizer_of_another_model_is_said_to_fail(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", table=TABLE[:20])
    with pytest.raises(EmbedderMisconfigured, match=r"fails: .*indices element out of data bounds"):
        open_embedder(f"fastembed:{folder}")


def test_a_model_that_gives_nan_is_an_invalid_response(tmp_path: Path) -> None:
    embedder = open_embedder(f"fastembed:{saved(tmp_path / 'm', table=np.full_like(TABLE, np.nan))}")
    with pytest.raises(InvalidEmbedderResponse, match="NaN"):
        embedder.embed(["read"])


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(EmbedderMisconfigured, match=r"no model 'bge-small-en': it has .*BAAI/bge-small-en-v1.5"):
        open_embedder("fastembed:bge-small-en")
    with pytest.raises(EmbedderMisconfigured, match=r"no model 'xyzzy/42': it has \d+, listed at https:"):
        open_embedder("fastembed:xyzzy/42")


def test_a_known_model_that_cannot_be_downloaded_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    with pytest.raises(EmbedderMisconfigured) as raised:
        open_embedder(f"fastembed:{MODEL}")
    assert f"the model {MODEL!r} is not in Hugging Face's cache" in str(raised.value)
    assert "use fastembed:/path/to/that/folder" in str(raised.value)


def test_a_known_model_is_taken_from_the_cache_in_any_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    repository = tmp_path / "models--Qdrant--bge-small-en-v1.5-onnx-Q"
    saved(repository / "snapshots" / ("0" * 40), network="model_optimized.onnx")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    embedder = open_embedder(f"fastembed:{MODEL.lower()}")
    assert embedder.name == f"fastembed:{MODEL}"
    assert hub_repository(MODEL.lower()) == "Qdrant/bge-small-en-v1.5-onnx-Q"
    assert embedder.embed(["ab"])[0] == pytest.approx(unit(TABLE[VOCABULARY["a"]]), abs=1e-5)
    asked = "Represent this sentence for searching relevant passages: "
    assert embedder.embed_query("ab") == pytest.approx(embedder.embed([asked])[0], abs=1e-5)  # both begin with R


def test_a_long_text_is_left_as_soon_as_somebody_asks_and_not_at_its_end(slow: Path) -> None:
    embedder = open_embedder(f"fastembed:{slow}")
    started = time.monotonic()
    embedder.embed(["x" * 100_000])
    alone = time.monotonic() - started
    asked: list[float] = []

    def aborted() -> bool:
        if time.monotonic() < started + alone / 5:
            return False
        asked.append(time.monotonic())
        return True

    started = time.monotonic()
    with pytest.raises(EmbeddingAborted, match="was asked to stop"):
        embedder.embed(["x" * 100_000], aborted=aborted)
    assert len(asked) == 1
    assert time.monotonic() - started < alone * 0.7
    embedder.close()


def test_a_call_that_is_under_way_when_the_embedder_is_closed_ends_as_aborted(slow: Path) -> None:
    embedder = open_embedder(f"fastembed:{slow}")
    threading.Timer(0.2, embedder.close).start()
    with pytest.raises(EmbeddingAborted, match="was closed"):
        embedder.embed(["x" * 100_000] * 50)


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="counts threads as Linux lists them")
def test_onnxruntime_makes_no_threads_of_its_own(folder: Path) -> None:
    open_embedder(f"fastembed:{folder}").close()  # what is made once for a process
    before = len(os.listdir("/proc/self/task"))
    embedder = open_embedder(f"fastembed:{folder}")
    assert len(os.listdir("/proc/self/task")) - before <= 1, "more than the thread that computes"
    embedder.close()


def test_opening_a_model_writes_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    open_embedder(f"fastembed:{folder}").embed(["read"])
    with pytest.raises(EmbedderMisconfigured):
        open_embedder(f"fastembed:{MODEL}")
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_is_opened_again_is_read_again(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    before = open_embedder(f"fastembed:{folder}").embed(["ab"])[0]
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    after = open_embedder(f"fastembed:{folder}").embed(["ab"])[0]
    assert before != pytest.approx(after)


def test_importing_the_embedders_does_not_load_fastembed() -> None:
    code = "import sys, pgdex.indexer.embedding.providers; print({'fastembed', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
