"""The bundled code model: what the embedder promises, and that its table has learnt something."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from pgdex.indexer.embedding import BagEmbedder, EmbedderMisconfigured, EmbeddingAborted, open_embedder
from pgdex.indexer.embedding.code_model import CodeEmbedder, Table, read_table, word_weight
from pgdex.indexer.embedding.code_query import (
    DATA,
    MOST_WORDS,
    VERSION,
    TooManyWords,
    bucket_of,
    query_vector,
)
from pgdex.indexer.embedding.validation import wordless_vector
from pgdex.indexer.lexemes import words
from pgdex.indexer.word_bags import word_bags

MOST_BYTES = 16_000_000

TEXTS = [
    "def connect(host, port):\n    return socket.create_connection((host, port))",
    "how are retries delayed",
    "",
    "   \n\t",
    "qzxwvkjhgf_unheard_of_Identifier9",
    "数据库 连接池",
    "\ud800 lone surrogate",
    "a " * 5000,
    "HTTPServer2 HTTPServer2 http_server",
]


@pytest.fixture(scope="module")
def embedder() -> CodeEmbedder:
    return CodeEmbedder()


def test_vectors_are_float32_finite_and_of_length_one(embedder: CodeEmbedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension) == (len(TEXTS), 256)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_text_has_the_same_vector_bit_for_bit_whatever_else_is_in_the_call(embedder: CodeEmbedder) -> None:
    many = [f"{text} number{index}" for index in range(300) for text in TEXTS[:2]] + TEXTS
    together = embedder.embed(many)
    reversed_ = embedder.embed(many[::-1])[::-1]
    alone = np.stack([embedder.embed_query(text) for text in many])
    assert together.tobytes() == reversed_.tobytes() == alone.tobytes()


def test_a_fresh_embedder_gives_the_same_vectors(embedder: CodeEmbedder) -> None:
    embedder.embed([f"unknown{index}word" for index in range(2000)])
    fresh = CodeEmbedder()
    assert fresh.embed(TEXTS[::-1])[::-1].tobytes() == embedder.embed(TEXTS).tobytes()


def test_words_counted_elsewhere_give_the_vectors_of_their_text(embedder: CodeEmbedder) -> None:
    assert isinstance(embedder, BagEmbedder)
    alone = embedder.embed(TEXTS).tobytes()
    assert embedder.embed_bags(word_bags(TEXTS)).tobytes() == alone
    # Among other texts, whose words come first, and with its own words in another order.
    others = ["zebra yak " * 40, *TEXTS[::-1]]
    assert embedder.embed_bags(word_bags([*others, *TEXTS]))[len(others) :].tobytes() == alone
    shuffled = [" ".join(reversed(words(text))) for text in TEXTS]
    assert embedder.embed_bags(word_bags(shuffled)).shape == (len(TEXTS), 256)


def test_a_text_without_words_gets_the_fixed_vector(embedder: CodeEmbedder) -> None:
    for text in ("", " \n", "+-*/ ..."):
        np.testing.assert_array_equal(embedder.embed_query(text), wordless_vector(256))
    assert embedder.embed([]).shape == (0, 256)
    assert embedder.embed_bags(word_bags([])).shape == (0, 256)


class OnDirtyMemory(np.ndarray[tuple[int, int], np.dtype[np.int8]]):
    """Rows of a table of which an empty selection lies, as a new empty array may, on memory that reads as NaN."""

    def astype(self, dtype: Any, **_: Any) -> np.ndarray[Any, Any]:  # type: ignore[override]  # takes only what the embedder gives it
        if len(self) == 0:
            return as_strided(np.array([np.nan], dtype=dtype), shape=self.shape, strides=(0, 0))
        return np.asarray(self).astype(dtype)


def test_what_the_memory_held_before_does_not_get_into_the_vector_of_a_text_without_words() -> None:
    rows = np.array([[0, 9], [9, 0], [5, 5]], dtype=np.int8).view(OnDirtyMemory)
    vectors = CodeEmbedder(table=Table(["up", "right"], rows, np.ones(3, dtype=np.float16))).embed(["up", "", "right"])
    np.testing.assert_allclose(vectors, np.array([[0, 1], wordless_vector(2), [1, 0]]), atol=1e-6)


def test_a_word_that_occurs_more_often_counts_more_but_less_than_in_proportion(embedder: CodeEmbedder) -> None:
    parse, socket = embedder.embed(["parse", "socket"])
    once, often = embedder.embed(["parse socket", "parse parse parse socket"])
    assert often @ parse > once @ parse
    assert often @ socket < once @ socket
    np.testing.assert_allclose(word_weight(np.array([1, np.e], dtype=np.float32)), [1, 2], atol=1e-6)


def test_words_that_no_package_has_still_tell_texts_apart(embedder: CodeEmbedder) -> None:
    vectors = embedder.embed([f"qwrtzplk{letter}" for letter in "bcdfghjkmn"])
    alike = vectors @ vectors.T - np.eye(len(vectors))
    assert np.median(alike) < 0.5
    assert (embedder.embed_query("qwrtzplkb") == vectors[0]).all()


def test_buckets_are_the_same_on_every_machine() -> None:
    assert [bucket_of(word, 4096) for word in ("retry", "Übergröße", "\ud800")] == [2331, 989, 2114]


def test_stops_within_a_tenth_of_a_second(embedder: CodeEmbedder) -> None:
    texts = ["def f(x): return x + 1\n" * 60] * 50_000
    stop = threading.Event()
    stopped_at = 0.0

    def embed() -> None:
        nonlocal stopped_at
        with pytest.raises(EmbeddingAborted, match="asked to stop"):
            embedder.embed(texts, aborted=stop.is_set)
        stopped_at = time.monotonic()

    thread = threading.Thread(target=embed)
    thread.start()
    time.sleep(0.3)
    asked = time.monotonic()
    stop.set()
    thread.join()
    assert stopped_at - asked < 0.5  # 0.1 s where nobody else uses the machine
    with pytest.raises(EmbeddingAborted):
        embedder.embed_query("text", aborted=lambda: True)
    with pytest.raises(EmbeddingAborted):
        embedder.probe(aborted=lambda: True)


def test_several_threads_get_the_vectors_that_one_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgdex.indexer.embedding.code_model._CACHED_WORDS", 50)
    shared = CodeEmbedder()
    texts = [f"retry delay unknownword{index} otherword{index * 7}" for index in range(1500)]
    expected = CodeEmbedder().embed(texts)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: shared.embed(texts), range(8)):
            assert vectors.tobytes() == expected.tobytes()


def test_closing_forgets_unknown_words_and_keeps_the_vocabulary(embedder: CodeEmbedder) -> None:
    before = embedder.embed(TEXTS)
    embedder.close()
    assert embedder.embed(TEXTS).tobytes() == before.tobytes()


def test_is_local_names_its_version_and_proves_that_it_works(embedder: CodeEmbedder) -> None:
    assert embedder.name == f"code:{VERSION}" == "code:1"
    assert not embedder.is_remote
    assert embedder.batch_size >= 1
    embedder.probe()


@pytest.mark.parametrize("spec", ["code", "code:1", " code "])
def test_opens_by_its_spec_and_by_its_recorded_name(spec: str) -> None:
    opened = open_embedder(spec)
    assert opened.name == "code:1"
    assert opened.dimension == 256


@pytest.mark.parametrize(
    ("spec", "dimension", "message"),
    [
        ("code:2", None, "brings version 1 of its code model, not 2: use code to index again"),
        ("code:0", None, "not 0"),
        ("code:", None, "for example code:1"),
        ("code:one", None, "'code:one' must be a whole number"),
        ("code:-1", None, "'code:-1' must be a whole number"),
        ("code", 128, "have 256 numbers, not 128"),
    ],
)
def test_refuses_another_version_or_dimension(spec: str, dimension: int | None, message: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match=message):
        open_embedder(spec, dimension=dimension)


def test_the_asked_dimension_may_be_the_models_own() -> None:
    assert open_embedder("code", dimension=256).dimension == 256


def test_a_model_that_is_not_there_or_not_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderMisconfigured, match="install pgdex again"):
        read_table(tmp_path)
    (tmp_path / "words.txt").write_text("one\ntwo")
    np.save(tmp_path / "rows.npy", np.zeros((2, 8), dtype=np.int8))
    np.save(tmp_path / "scales.npy", np.zeros(3, dtype=np.float16))
    with pytest.raises(EmbedderMisconfigured, match="is incomplete: 2 words"):
        read_table(tmp_path)


def test_another_table_can_be_used() -> None:
    table = Table(["up", "right"], np.array([[0, 9], [9, 0], [5, 5]], dtype=np.int8), np.ones(3, dtype=np.float16))
    vectors = CodeEmbedder(table=table).embed(["up", "right", "elsewhere", "up right"])
    half = 1 / np.sqrt(2)
    np.testing.assert_allclose(vectors, [[0, 1], [1, 0], [half, half], [half, half]], atol=1e-6)


def test_the_model_takes_at_most_sixteen_megabytes() -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) <= MOST_BYTES


def test_the_vocabulary_holds_words_as_they_are_tokenised() -> None:
    table = read_table()
    assert len(set(table.words)) == len(table.words) > 30_000
    # Beyond ASCII a word in lower case may be cut otherwise than it was: "İ" becomes two characters.
    odd = [word for word in table.words if word.isascii() and words(word)[:1] != [word]]
    assert not odd, odd[:5]
    assert table.rows.shape == (len(table.scales), 256)


def test_opens_in_well_under_half_a_second() -> None:
    started = time.process_time()  # what else the machine does only makes it longer
    CodeEmbedder(table=read_table())
    assert time.process_time() - started < 0.5  # 0.03 s on a machine at rest


# A word or phrase; one that means the same in code; others that are as frequent. Chance gets one in six right.
ALIKE = [
    ("delete", "remove", ["compile", "median", "color", "invoice", "clock"]),
    ("fetch", "download", ["margin", "assert", "parent", "matrix", "locale"]),
    ("directory", "folder", ["signal", "integer", "token", "button", "tensor"]),
    ("username password", "credentials login", ["pixel", "sort array", "thread", "parse date", "matrix"]),
    ("exception", "error", ["column", "banner", "hour", "vector", "socket"]),
    ("concurrency mutex", "lock thread", ["html tag", "file path", "color palette", "sum total", "locale"]),
    ("serialize", "encode json", ["resize image", "open agent", "mouse click", "tcp port", "git branch"]),
    ("elapsed time", "duration seconds", ["file name", "user email", "http header", "tree node", "font"]),
    ("image width height", "pixel dimensions", ["sql query", "retry policy", "email", "syntax tree"]),
    ("encrypt", "cipher aes", ["render template", "paginate results", "parse date", "queue job", "mouse"]),
    ("database query", "sql select", ["button label", "audio stream", "regex", "unicode", "matrix"]),
    ("average", "mean", ["path", "socket", "string", "widget", "header"]),
    ("begin", "start", ["byte", "email", "color", "schema", "vector"]),
    ("http status code", "response 404", ["tree depth", "mouse position", "unicode width", "git commit", "lexer"]),
    ("logging", "logger warn", ["matrix", "cookie", "iterator", "pixel", "schema"]),
    ("environment variable", "getenv env", ["linked list", "button", "image", "sum", "tcp"]),
    ("random", "seed rng", ["html", "path", "header", "email", "commit"]),
    ("unit test", "assert expect", ["socket bind", "rgb color", "gzip", "cookie", "mkdir"]),
    ("compress", "gzip zlib", ["login", "button", "date", "regex", "tree"]),
    ("regular expression", "regex match", ["socket", "image", "password", "queue", "mean"]),
]  # fmt: skip


def test_words_of_one_meaning_are_nearer_than_others(embedder: CodeEmbedder) -> None:
    right = [
        word
        for word, alike, others in ALIKE
        if (scores := embedder.embed([alike, *others]) @ embedder.embed_query(word))[0] > scores[1:].max()
    ]
    assert len(right) >= 17, sorted({word for word, *_ in ALIKE} - set(right))


def test_a_random_table_would_fail_the_test_above() -> None:
    table = read_table()
    rows = np.random.default_rng(1).integers(-127, 128, table.rows.shape, dtype=np.int8)
    untaught = CodeEmbedder(table=Table(table.words, rows, np.ones_like(table.scales)))
    right = sum(
        bool((scores := untaught.embed([alike, *others]) @ untaught.embed_query(word))[0] > scores[1:].max())
        for word, alike, others in ALIKE
    )
    assert right < 12


SNIPPETS = {
    "how long to wait before trying again": """
def backoff(attempt):
    return min(cap, base * 2 ** attempt) + jitter()
""",
    "check whether the user is allowed to do this": """
def has_permission(self, account, action):
    return action in self.roles[account.role].grants
""",
    "read settings from a file": """
func loadConfig(path string) (*Options, error) {
  data, err := os.ReadFile(path)
  yaml.Unmarshal(data)
""",
    "delete old entries from the cache": """
void evictExpired() {
  for (auto& item : store) if (item.ttl < now()) lru.erase(item.key);
}
""",
    "convert text to a date": """
fn parse_datetime(input: &str) -> Result<NaiveDate> {
  NaiveDate::from_str(input, FORMAT)
}
""",
    "send a message to all connected clients": """
broadcast(event) {
  for (const socket of this.sockets) socket.emit(event)
}
""",
    "draw a line on the screen": """
public void Stroke(Graphics g, Point a, Point b) {
  g.DrawPath(pen, a.X, a.Y, b.X, b.Y);
}
""",
    "verify the signature of a token": """
def decode_jwt(jwt, key)
  raise InvalidHmac unless OpenSSL::HMAC.digest(alg, key, jwt)
end
""",
}


def test_questions_find_the_code_that_answers_them_without_sharing_its_words(embedder: CodeEmbedder) -> None:
    alike = embedder.embed(list(SNIPPETS)) @ embedder.embed(list(SNIPPETS.values())).T
    assert (alike.argmax(axis=1) == np.arange(len(SNIPPETS))).sum() >= 6


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) < 1000])
def test_a_query_has_the_same_vector_without_numpy(embedder: CodeEmbedder, text: str) -> None:
    np.testing.assert_allclose(query_vector(text), embedder.embed_query(text), atol=1e-6)


def test_a_long_query_is_left_to_numpy() -> None:
    with pytest.raises(TooManyWords):
        query_vector(" ".join(f"word{chr(97 + index // 26)}{chr(97 + index % 26)}" for index in range(MOST_WORDS + 1)))


def test_a_model_that_is_not_whole_is_not_taken_for_one(tmp_path: Path) -> None:
    for name in ("words.txt", "rows.npy", "scales.npy"):
        (tmp_path / name).write_bytes((DATA / name).read_bytes()[:100_000])
    with pytest.raises(ValueError, match="do not fit together"):
        query_vector("retry", folder=tmp_path)


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) < 1000])
def test_a_weighed_query_has_the_same_vector_without_numpy(embedder: CodeEmbedder, text: str) -> None:
    weights = {word: 1 / (1 + number) for number, word in enumerate(words(text))}
    np.testing.assert_allclose(query_vector(text, weights=weights), embedder.embed_weighted(text, weights), atol=1e-6)
    np.testing.assert_allclose(embedder.embed_weighted(text, {}), embedder.embed_query(text), atol=1e-6)


def test_the_words_of_a_query_count_as_much_as_is_said(embedder: CodeEmbedder) -> None:
    both = embedder.embed_weighted("retry socket", {"retry": 1.0, "socket": 1e-9})
    np.testing.assert_allclose(both, embedder.embed_query("retry"), atol=1e-6)
    assert embedder.embed_weighted("retry socket", {"retry": 0.2}) @ embedder.embed_query("socket") > 0.9
