"""What every embedder promises, as tests that the author of one runs: docs/how-to/write-an-embedder.md.

    from pgdex.indexer.embedding.testing import EmbedderTests

    class TestAcme(EmbedderTests):
        def open(self):
            return open_embedder("acme:small")

pytest collects the tests of the subclass. This module does not import pytest, so that it needs nothing but pgdex.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from pgdex.indexer.embedding.errors import EmbedderError, EmbeddingAborted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pgdex.indexer.embedding.protocol import Embedder

# pgvector's halfvec has at most as many numbers.
MOST_DIMENSIONS: Final = 16_000

_TEXTS: Final = (
    "src/users.py find_user\ndef find_user(name):\n    return database.users.get(name)\n",
    "src/files.go Remove\nfunc Remove(path string) error {\n\treturn os.Remove(path)\n}\n",
    "README.md\n# Größe\n\nDie Größe der Dateien. 漢字 🙂\n",
)
# What files hold now and then.
_ODD_TEXTS: Final = ("", " \n\t ", "\0", "a\0b", "\ud800", "🙂" * 3_000, "x" * 100_000, "\n" * 10_000, "}" * 5_000)


class EmbedderTests(ABC):
    """Subclass it, with a name that begins with "Test", and say in `open` how your embedder is opened."""

    tolerance: float = 1e-4
    """By how much a number of a vector may differ between two calls. Models on a GPU round differently in batches of
    different sizes."""
    most_texts: int = 2_000
    """The most texts that one test sends. Less for a service that has to be paid for."""

    @abstractmethod
    def open(self) -> Embedder:
        """A new embedder; it is closed after each test."""

    @contextmanager
    def opened(self) -> Iterator[Embedder]:
        """An embedder that has been probed, for one test."""
        embedder = self.open()
        try:
            embedder.probe()
            yield embedder
        finally:
            embedder.close()

    def test_its_name_is_the_spec_by_which_it_is_opened_again(self) -> None:
        """It is recorded with a repository."""
        with self.opened() as embedder, self.opened() as again:
            assert isinstance(embedder.name, str), f"name is {embedder.name!r}, not a text"
            assert embedder.name, "name is empty"
            assert embedder.name == embedder.name.strip(), f"name has blanks around it: {embedder.name!r}"
            assert embedder.name == again.name, "opened twice in the same way, it has two names"

    def test_its_dimension_can_be_stored_and_does_not_change(self) -> None:
        """And is known after a probe."""
        with self.opened() as embedder:
            before = embedder.dimension
            assert isinstance(before, int), f"dimension is {before!r}, not a whole number"
            assert 1 <= before <= MOST_DIMENSIONS, f"dimension is {before}, not from 1 to {MOST_DIMENSIONS}"
            embedder.embed(_TEXTS)
            assert embedder.dimension == before, "dimension has changed with a call"

    def test_it_says_how_it_wants_to_be_called(self) -> None:
        """`batch_size` is a number, `is_remote` a truth value."""
        with self.opened() as embedder:
            assert isinstance(embedder.batch_size, int), f"batch_size is {embedder.batch_size!r}, not a whole number"
            assert embedder.batch_size >= 1, f"batch_size is {embedder.batch_size}"
            assert isinstance(embedder.is_remote, bool), f"is_remote is {embedder.is_remote!r}, not True or False"

    def test_each_text_has_a_vector_of_length_1(self) -> None:
        """Of float32, in an array of shape (number of texts, dimension)."""
        with self.opened() as embedder:
            self._require_vectors(embedder.embed(_TEXTS), len(_TEXTS), embedder.dimension)

    def test_a_query_has_a_vector_of_the_same_kind(self) -> None:
        """In an array of shape (dimension,)."""
        with self.opened() as embedder:
            vector = embedder.embed_query("where is a user looked up by name?")
            assert isinstance(vector, np.ndarray), f"embed_query gives {type(vector).__name__}, not an array"
            assert vector.ndim == 1, f"embed_query gives an array of shape {vector.shape}, not (dimension,)"
            self._require_vectors(vector[np.newaxis], 1, embedder.dimension)

    def test_no_texts_give_no_vectors(self) -> None:
        """Shape (0, dimension)."""
        with self.opened() as embedder:
            assert embedder.embed([]).shape == (0, embedder.dimension), "embed([]) must be of shape (0, dimension)"

    def test_different_texts_have_different_vectors(self) -> None:
        """The samples share hardly a word."""
        with self.opened() as embedder:
            vectors = embedder.embed(_TEXTS)
            similarities = (vectors @ vectors.T)[np.triu_indices(len(_TEXTS), 1)]
            assert similarities.max() < 1 - 1e-4, "two different texts have the same vector"

    def test_a_vector_depends_on_its_text_alone(self) -> None:
        """Not on the other texts of the call, nor on the order. Most chunks of an edited file are not sent again: their
        vectors must go with the new ones."""
        with self.opened() as embedder:
            together = embedder.embed([*_TEXTS, *_TEXTS[::-1]])
            alone = np.concatenate([embedder.embed([text]) for text in _TEXTS])
        for place, difference in enumerate(np.abs(together - np.concatenate([alone, alone[::-1]])).max(axis=1)):
            assert difference <= self.tolerance, (
                f"the vector of text {place} differs by {difference:.2g} from the one that the text has alone"
            )

    def test_two_embedders_give_the_same_vectors(self) -> None:
        """Workers on several machines share one index."""
        with self.opened() as embedder, self.opened() as again:
            difference = np.abs(embedder.embed(_TEXTS) - again.embed(_TEXTS)).max()
            assert difference <= self.tolerance, f"opened twice, its vectors differ by {difference:.2g}"

    def test_more_texts_than_a_batch_are_split(self) -> None:
        """Callers need not know the limits of a service."""
        with self.opened() as embedder:
            texts = [f"value_{number} = {number}" for number in range(min(embedder.batch_size + 1, self.most_texts))]
            vectors = embedder.embed(texts)
            self._require_vectors(vectors, len(texts), embedder.dimension)
            difference = np.abs(vectors[-1] - embedder.embed(texts[-1:])[0]).max()
            assert difference <= self.tolerance, "the last text of a large call has another text's vector"

    def test_odd_texts_have_vectors_too(self) -> None:
        """Empty and blank ones, NUL, lone surrogates, very long ones: no file may fail a job."""
        with self.opened() as embedder:
            for text in _ODD_TEXTS:
                try:
                    vectors = embedder.embed([text])
                except EmbedderError as error:
                    raise AssertionError(f"a text that begins {text[:8]!r} is refused: {error}") from error
                self._require_vectors(vectors, 1, embedder.dimension)
                self._require_vectors(embedder.embed_query(text)[np.newaxis], 1, embedder.dimension)

    def test_it_stops_when_it_is_told_to(self) -> None:
        """EmbeddingAborted, within 0.1 s of `aborted` turning true; looked at before anything is sent."""
        with self.opened() as embedder:
            try:
                embedder.embed(_TEXTS, aborted=lambda: True)
            except EmbeddingAborted:
                return
            raise AssertionError("embed() has not raised EmbeddingAborted although aborted() is true")

    def test_several_threads_may_use_it_at_once(self) -> None:
        """A worker has several batches in flight."""
        with self.opened() as embedder, ThreadPoolExecutor(4) as pool:
            wanted = embedder.embed(_TEXTS)
            for vectors in pool.map(lambda _: embedder.embed(_TEXTS), range(8)):
                difference = np.abs(vectors - wanted).max()
                assert difference <= self.tolerance, f"in several threads its vectors differ by {difference:.2g}"

    def test_it_can_be_closed_twice(self) -> None:
        """Whoever closes it need not know whether somebody has."""
        with self.opened() as embedder:
            embedder.close()

    def _require_vectors(self, vectors: NDArray[np.float32], count: int, dimension: int) -> None:
        assert isinstance(vectors, np.ndarray), f"the vectors are {type(vectors).__name__}, not an array of numpy"
        assert vectors.shape == (count, dimension), f"the shape is {vectors.shape}, not {(count, dimension)}"
        assert vectors.dtype == np.float32, f"the numbers are {vectors.dtype}, not float32"
        assert np.isfinite(vectors).all(), "a vector holds NaN or infinity"
        lengths = np.linalg.norm(vectors, axis=1)
        assert np.abs(lengths - 1).max(initial=0) < 1e-3, f"a vector has the length {lengths.max():.4g}, not 1"
