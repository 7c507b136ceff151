"""The pipeline without a database: which rows come out, what the callbacks are told, and how it stops."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from pgdex.indexer.chunk_terms import ChunkTerms, chunk_terms
from pgdex.indexer.chunked_files import Effort, Fallback
from pgdex.indexer.chunking import Chunk, chunk_file
from pgdex.indexer.embedding import Embedder, EmbedderUnavailable, EmbeddingAborted, open_embedder
from pgdex.indexer.format import INDEX_FORMAT
from pgdex.indexer.pipeline import TERM_BLOCK, IndexingAborted, Pipeline, Progress, Rows, embedding_text, text_hash
from pgdex.indexer.sources import OpenedRoot, RootUnavailable, SkipReason, read_source
from pgdex.indexer.storage import IndexedFile, KeptFile, StoredFile, StoredVersion, UnchangedFile
from tests.support.trees import module, python_tree, write_tree

HASHING = open_embedder("hashing")


class Service:
    """An embedder that is remote and knows nothing of bags of words: it embeds with `hashing`, and counts."""

    def __init__(self, *, batch_size: int = 4, fails_at: int | None = None, error: Exception | None = None) -> None:
        self.batch_size, self.fails_at, self.error = batch_size, fails_at, error
        self.calls: list[list[str]] = []

    name = "service"
    dimension = HASHING.dimension
    is_remote = True

    def embed(self, texts: Sequence[str], *, aborted: Callable[[], bool] | None = None) -> NDArray[np.float32]:
        if aborted is not None and aborted():
            raise EmbeddingAborted
        if len(self.calls) == self.fails_at:
            raise self.error or EmbedderUnavailable("nobody answers")
        self.calls.append(list(texts))
        return HASHING.embed(texts)

    def embed_query(self, text: str, *, aborted: Callable[[], bool] | None = None) -> NDArray[np.float32]:
        raise NotImplementedError  # indexing embeds no query

    def probe(self, *, aborted: Callable[[], bool] | None = None) -> None:
        pass

    def close(self) -> None:
        pass


class Local(Service):
    """The same in this process."""

    is_remote = False


def paths_of(tree: Path) -> list[str]:
    return sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())


def stored_as_indexed(rows: Rows, *, model_id: int | None = 1) -> dict[str, StoredFile]:
    return {
        file.path: StoredFile({file.content_hash: StoredVersion(number, model_id, INDEX_FORMAT)}, True)
        for number, file in enumerate(rows.indexed)
    }


def assert_whole(file: IndexedFile) -> None:
    """Each chunk has its terms and a vector of length 1."""
    count = len(file.chunks)
    assert count > 0
    assert len(file.lexemes) == len(file.term_weights) == count
    assert file.embeddings.shape == (count, HASHING.dimension)
    np.testing.assert_allclose(np.linalg.norm(file.embeddings, axis=1), 1, rtol=1e-5)


def break_at(monkeypatch: pytest.MonkeyPatch, content: str, error: Exception) -> None:
    """Chunking fails for files with `content` in them."""

    def breaking(text: str, *arguments: object, **options: object) -> list[Chunk]:
        if content in text:
            raise error
        return chunk_file(text, *arguments, **options)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr("pgdex.indexer.chunked_files.chunk_file", breaking)


# Rows


@pytest.mark.parametrize("embedder", [HASHING, Service(), Local()], ids=["bags", "service", "local"])
def test_every_file_becomes_a_row_in_the_order_of_the_paths(tmp_path: Path, embedder: Embedder) -> None:
    tree = python_tree(tmp_path, 70)
    paths = paths_of(tree)[::-1]

    rows = Pipeline(embedder=embedder).run(tree, paths)

    assert [file.path for file in rows.indexed] == paths
    assert (rows.skipped, rows.unchanged, rows.kept) == ([], [], [])
    for file in rows.indexed:
        assert_whole(file)
        assert (file.language, file.size) == ("python", (tree / file.path).stat().st_size)
        assert "".join(chunk.content for chunk in file.chunks) == (tree / file.path).read_text()


def test_a_file_gets_the_same_row_alone_and_among_others(tmp_path: Path) -> None:
    tree = write_tree(python_tree(tmp_path, 500), {"long.py": "\n\n".join(map(module, range(400)))})
    together = {file.path: file for file in Pipeline(embedder=HASHING).run(tree, paths_of(tree)).indexed}

    for one_by_one in (False, True):
        (alone,) = Pipeline(embedder=HASHING, one_by_one=one_by_one).run(tree, ["long.py"]).indexed
        assert alone.chunks == together["long.py"].chunks
        assert alone.lexemes == together["long.py"].lexemes
        assert alone.term_weights == together["long.py"].term_weights
        np.testing.assert_array_equal(alone.embeddings, together["long.py"].embeddings)
    assert sum(len(file.chunks) for file in together.values()) > TERM_BLOCK


def test_what_is_not_worth_indexing_is_skipped_with_its_reason(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "empty.py": "",
        "good.py": "x = 1\n",
        "large.py": "x = 1\n" * 1000,
        "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100),
        "generated.py": "# @generated by a tool. DO NOT EDIT.\nx = 1\n",
    }
    tree = write_tree(tmp_path, files)
    (tree / "link.py").symlink_to("good.py")

    rows = Pipeline(embedder=HASHING, max_file_bytes=1000).run(tree, [*files, "link.py"])

    assert [file.path for file in rows.indexed] == ["good.py"]
    reasons = {file.path: file.reason for file in rows.skipped}
    assert list(reasons) == ["empty.py", "large.py", "picture.png", "generated.py", "link.py"]
    assert reasons["empty.py"] == SkipReason.EMPTY
    assert reasons["large.py"] == SkipReason.OVERSIZED
    assert reasons["picture.png"] == SkipReason.BINARY
    assert reasons["generated.py"] == SkipReason.GENERATED
    assert reasons["link.py"] == SkipReason.SYMLINK


def test_a_file_that_has_vanished_is_skipped_or_kept_where_the_index_has_it(tmp_path: Path) -> None:
    tree = python_tree(tmp_path, 2)
    searchable = StoredFile({b"\0" * 32: StoredVersion(1, 1, INDEX_FORMAT)}, True)
    left_out = StoredFile({}, False)
    stored = {"was_there.py": searchable, "was_left_out.py": left_out}
    pipeline = Pipeline(embedder=HASHING, model_id=1)

    content = pipeline.read(tree, ["never_seen.py", *paths_of(tree), *stored], stored=stored)
    rows = pipeline.embed(content)

    assert len(rows.indexed) == 2
    assert rows.kept == [KeptFile("was_there.py", "vanished")]
    assert [(file.path, file.reason) for file in rows.skipped] == [
        ("never_seen.py", "vanished"),
        ("was_left_out.py", "vanished"),
    ]
    assert sorted(content.not_seen) == ["never_seen.py", "was_left_out.py", "was_there.py"]


def test_a_root_that_is_gone_is_no_fault_of_its_files(tmp_path: Path) -> None:
    tree = python_tree(tmp_path / "repository", 2)
    with OpenedRoot(tree) as root:
        tree.rename(tmp_path / "moved")
        (tmp_path / "moved" / "package_0" / "module_0.py").unlink()
        with pytest.raises(RootUnavailable):
            Pipeline(embedder=HASHING).run(root, ["package_0/module_0.py"])


def test_only_files_that_changed_are_done_again_unless_another_model_or_force_asks_for_it(tmp_path: Path) -> None:
    tree = python_tree(tmp_path, 4)
    paths = paths_of(tree)
    stored = stored_as_indexed(Pipeline(embedder=HASHING).run(tree, paths))
    (tree / paths[2]).write_text("changed = True\n")

    again = Pipeline(embedder=HASHING, model_id=1).run(tree, paths, stored=stored)

    assert [file.path for file in again.indexed] == [paths[2]]
    assert [file.path for file in again.unchanged] == [paths[0], paths[1], paths[3]]
    assert all(isinstance(file, UnchangedFile) and file.size > 0 for file in again.unchanged)
    for pipeline in (Pipeline(embedder=HASHING, model_id=2), Pipeline(embedder=HASHING, model_id=1, force=True)):
        assert len(pipeline.run(tree, paths, stored=stored).indexed) == 4
    old_format = {
        path: StoredFile({content_hash: StoredVersion(1, 1, 0) for content_hash in file.versions}, True)
        for path, file in stored.items()
    }
    assert len(Pipeline(embedder=HASHING, model_id=1).run(tree, paths, stored=old_format).indexed) == 4


# Files that go wrong


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_mistake_of_ours_in_chunking_or_in_the_terms_costs_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_by_one: bool
) -> None:
    tree = write_tree(python_tree(tmp_path, 6), {"bad_chunks.py": "x = 'BAD_CHUNKS'\n", "bad_terms.py": "BAD_TERMS\n"})
    break_at(monkeypatch, "BAD_CHUNKS", IndexError("list index out of range"))

    def breaking_terms(chunks: Sequence[Chunk], paths: Sequence[str]) -> ChunkTerms:
        if any("BAD_TERMS" in chunk.content for chunk in chunks):
            raise ValueError("odd\0 terms")
        return chunk_terms(chunks, paths)

    monkeypatch.setattr("pgdex.indexer.pipeline.chunk_terms", breaking_terms)

    rows = Pipeline(embedder=HASHING, one_by_one=one_by_one).run(tree, paths_of(tree))

    assert len(rows.indexed) == 6
    for file in rows.indexed:
        assert_whole(file)
    assert [(file.path, file.reason, file.detail, file.content_hash) for file in rows.skipped] == [
        ("bad_chunks.py", "failed", "IndexError: list index out of range", None),
        ("bad_terms.py", "failed", "ValueError: odd\\0 terms", None),
    ]


@pytest.mark.parametrize("error", [MemoryError(), OSError(24, "Too many open files")], ids=["memory", "descriptors"])
def test_what_this_process_has_run_out_of_is_no_fault_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def exhausted(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("pgdex.indexer.chunked_files.read_source", exhausted)
    with pytest.raises(type(error)):
        Pipeline(embedder=HASHING).run(python_tree(tmp_path, 1), ["package_0/module_0.py"])


def test_less_is_tried_with_files_that_have_crashed_processes(tmp_path: Path) -> None:
    tree = python_tree(tmp_path, 4)
    whole, lines, read_only, unread = paths_of(tree)
    detail = "3 workers died while processing it"
    fallbacks = {
        lines: Fallback(Effort.LINES, detail),
        read_only: Fallback(Effort.HASH, detail),
        unread: Fallback(Effort.NOTHING, detail),
    }

    rows = Pipeline(embedder=HASHING, fallbacks=fallbacks).run(tree, [whole, lines, read_only, unread])

    kinds = {file.path: {chunk.kind for chunk in file.chunks} for file in rows.indexed}
    assert list(kinds) == [whole, lines]
    assert kinds[lines] == {"block"}
    assert "block" not in kinds[whole]
    assert [(file.path, file.reason, file.detail) for file in rows.skipped] == [
        (read_only, "crashed", detail),
        (unread, "crashed", detail),
    ]
    hashed, skipped_unread = rows.skipped
    assert hashed.content_hash is not None, "left out until its content changes"
    assert skipped_unread.content_hash is None


# Embedders


def test_a_service_is_called_across_files_with_calls_of_its_size(tmp_path: Path) -> None:
    tree = python_tree(tmp_path, 9)
    service = Service(batch_size=4)

    rows = Pipeline(embedder=service).run(tree, paths_of(tree))

    texts = [embedding_text(file.path, chunk) for file in rows.indexed for chunk in file.chunks]
    assert [text for call in service.calls for text in call] == texts
    assert [len(call) for call in service.calls[:-1]] == [4] * (len(service.calls) - 1)


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("embedder", [Service, Local])
def test_what_the_embedder_raises_ends_the_run_and_blames_no_file(
    tmp_path: Path, embedder: type[Service], one_by_one: bool
) -> None:
    tree = python_tree(tmp_path, 9)
    pipeline = Pipeline(embedder=embedder(fails_at=1, batch_size=1), one_by_one=one_by_one)
    with pytest.raises(EmbedderUnavailable, match="nobody answers"):
        pipeline.run(tree, paths_of(tree))


def test_an_embedder_of_bags_that_fails_ends_the_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_self: object, _bags: object) -> NDArray[np.float32]:
        raise EmbedderUnavailable("the model's file is gone")

    embedder = open_embedder("hashing")
    monkeypatch.setattr(type(embedder), "embed_bags", failing)
    with pytest.raises(EmbedderUnavailable):
        Pipeline(embedder=embedder).run(python_tree(tmp_path, 2), ["package_0/module_0.py", "package_0/module_1.py"])


def test_texts_with_a_known_vector_are_not_embedded_again(tmp_path: Path) -> None:
    tree = python_tree(tmp_path, 6)
    first = Pipeline(embedder=Service()).run(tree, paths_of(tree))
    vectors = {
        text_hash(embedding_text(file.path, chunk)): vector
        for file in first.indexed
        for chunk, vector in zip(file.chunks, file.embeddings, strict=True)
    }
    (tree / "package_0" / "module_3.py").write_text("other = 3\n")
    asked: list[list[str]] = []

    def known(paths: Sequence[str], hashes: Sequence[UUID]) -> Mapping[UUID, NDArray[np.float32]]:
        asked.append(list(paths))
        return {text: vectors[text] for text in hashes if text in vectors}

    service = Service()
    rows = Pipeline(embedder=service, known=known).run(tree, paths_of(tree))

    assert asked == [paths_of(tree)]
    assert service.calls == [["package_0/module_3.py other\nother = 3\n"]]
    for file in rows.indexed:
        assert_whole(file)
        expected = HASHING.embed([embedding_text(file.path, chunk) for chunk in file.chunks])
        np.testing.assert_array_equal(file.embeddings, expected)


# Callbacks


def test_progress_is_told_before_each_file_and_each_call(tmp_path: Path) -> None:
    told: list[Progress] = []
    tree = write_tree(tmp_path, {"empty.py": "", **{f"m_{number}.py": f"x = {number}\n" for number in range(5)}})

    Pipeline(embedder=Service(batch_size=2), progress=told.append).run(tree, paths_of(tree))

    assert told == [
        *(Progress("chunking", done, 0) for done in range(6)),
        Progress("embedding", 6, 0),  # the terms
        Progress("embedding", 6, 0),
        Progress("embedding", 6, 2),
        Progress("embedding", 6, 4),
    ]


def test_progress_of_files_that_are_done_one_by_one_goes_up_with_each(tmp_path: Path) -> None:
    told: list[Progress] = []
    tree = python_tree(tmp_path, 3)

    Pipeline(embedder=HASHING, progress=told.append, one_by_one=True).run(tree, paths_of(tree))

    assert told == [Progress(phase, done, done) for done in range(3) for phase in ("chunking", "embedding")]


def test_what_a_progress_callback_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    class Lost(Exception):
        pass

    def progress(now: Progress) -> None:
        if now.phase == "embedding":
            raise Lost

    with pytest.raises(Lost):
        Pipeline(embedder=HASHING, progress=progress).run(python_tree(tmp_path, 2), ["package_0/module_0.py"])


@pytest.mark.parametrize("embedder", [HASHING, Service(batch_size=1)], ids=["bags", "service"])
def test_a_run_stops_at_every_place_where_the_caller_may_ask_it_to(tmp_path: Path, embedder: Embedder) -> None:
    """However often it was asked before: none of the answers is overlooked, and without one the run ends well."""
    tree = python_tree(tmp_path, 5)
    asked = 0

    def aborted() -> bool:
        nonlocal asked
        asked += 1
        return asked > stop_after

    for stop_after in range(100):
        asked = 0
        try:
            rows = Pipeline(embedder=embedder, aborted=aborted).run(tree, paths_of(tree))
        except IndexingAborted:
            assert asked == stop_after + 1, "it stopped at once"
            continue
        break
    assert len(rows.indexed) == 5
    assert stop_after >= 5


def test_a_run_is_stopped_while_a_file_is_parsed(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"long.py": "def f(a):\n    return [a, [a, {a: a}]]\n\n\n" * 20_000})
    asked = 0

    def aborted() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1

    with pytest.raises(IndexingAborted):
        Pipeline(embedder=HASHING, aborted=aborted).run(tree, ["long.py"])
    assert asked == 2


@pytest.mark.parametrize(
    ("embedder", "one_by_one", "under_guard"),
    [
        (HASHING, False, {"read"}),
        (HASHING, True, {"read", "terms"}),
        (Local(), True, {"read", "terms", "embed"}),
        (Service(), True, {"read", "terms"}),
    ],
    ids=["usual", "one by one", "one by one, local", "one by one, service"],
)
def test_what_may_crash_the_process_is_done_under_the_guard_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedder: Embedder, one_by_one: bool, under_guard: set[str]
) -> None:
    tree = python_tree(tmp_path, 3)
    guarded: list[str] = []
    seen: dict[str, list[str]] = {"read": [], "terms": [], "embed": []}
    here: list[str] = []

    @contextmanager
    def guard(path: str) -> Iterator[None]:
        guarded.append(path)
        here.append(path)
        yield
        here.clear()

    def noting(step: str, function: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: object, **options: object) -> object:
            seen[step] += here
            return function(*arguments, **options)

        return noted

    monkeypatch.setattr("pgdex.indexer.chunked_files.read_source", noting("read", read_source))
    monkeypatch.setattr("pgdex.indexer.pipeline.chunk_terms", noting("terms", chunk_terms))
    if isinstance(embedder, Service):
        monkeypatch.setattr(embedder, "embed", noting("embed", embedder.embed))

    rows = Pipeline(embedder=embedder, guard=guard, one_by_one=one_by_one).run(tree, paths_of(tree))

    assert len(rows.indexed) == 3
    assert guarded == paths_of(tree)
    assert {step for step, under in seen.items() if under} == under_guard
    for step in under_guard:
        assert list(dict.fromkeys(seen[step])) == paths_of(tree)


def test_the_stopwatch_knows_where_the_time_went(tmp_path: Path) -> None:
    tree = python_tree(tmp_path, 5)
    pipeline = Pipeline(embedder=HASHING)
    pipeline.run(tree, paths_of(tree))
    assert set(pipeline.stopwatch.seconds) == {"reading", "chunking", "embedding"}
    assert all(seconds > 0 for seconds in pipeline.stopwatch.seconds.values())


def test_what_was_embedded_before_the_service_went_away_is_handed_out_to_be_kept(tmp_path: Path) -> None:
    tree = python_tree(tmp_path, 12)
    paths = paths_of(tree)
    whole = Pipeline(embedder=Service()).run(tree, paths)
    in_call = HASHING.embed(["the first text of the call that failed"])
    error = EmbedderUnavailable("gone")
    error.embedded = in_call
    kept: dict[UUID, NDArray[np.float32]] = {}
    service = Service(batch_size=4, fails_at=2, error=error)

    def keep(hashes: Sequence[UUID], vectors: NDArray[np.float32]) -> None:
        kept.update(zip(hashes, vectors, strict=True))

    with pytest.raises(EmbedderUnavailable, match="gone"):
        Pipeline(embedder=service, keep=keep).run(tree, paths)

    texts = [embedding_text(file.path, chunk) for file in whole.indexed for chunk in file.chunks]
    assert list(kept) == [text_hash(text) for text in texts[:9]]
    np.testing.assert_array_equal(list(kept.values()), [*HASHING.embed(texts[:8]), *in_call])
    after = Service(batch_size=4)
    Pipeline(embedder=after, known=lambda _, hashes: kept).run(tree, paths)
    assert [text for call in after.calls for text in call] == texts[9:]
