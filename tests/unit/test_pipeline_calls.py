"""The pipeline without a database: how it calls embedders, what its callbacks are told, and how it stops."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from pgdex.indexer.chunk_terms import chunk_terms
from pgdex.indexer.embedding import Embedder, EmbedderUnavailable, open_embedder
from pgdex.indexer.pipeline import IndexingAborted, Pipeline, Progress, embedding_text, text_hash
from pgdex.indexer.sources import read_source
from tests.support.pipelines import HASHING, Local, Service, assert_whole, paths_of
from tests.support.trees import python_tree, write_tree

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


def test_progress_goes_by_the_texts_that_are_embedded_and_not_by_the_terms(tmp_path: Path) -> None:
    told: list[Progress] = []
    body = "    work()  # and more of it\n" * 40
    functions = "".join(f"def f_{number}():\n{body}\n" for number in range(700))
    tree = write_tree(
        tmp_path, {"a_long.py": functions, **{f"m_{number}.py": f"x = {number}\n" for number in range(3)}}
    )

    Pipeline(embedder=Service(batch_size=64), progress=told.append).run(tree, paths_of(tree))

    embedded = [one.embedded for one in told if one.phase == "embedding"]
    calls = len(embedded) - 2  # after two blocks of terms
    assert calls > 10, "the long file has many chunks"
    assert embedded[:3] == [0, 0, 0]
    for number in (1, 2, 3):
        assert embedded[2:].index(number) == pytest.approx(calls * number / 4, abs=1.1), (
            "each is a quarter of the texts"
        )


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
