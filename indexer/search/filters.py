"""What narrows a search."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import psycopg

from indexer.globs import glob_regex
from indexer.search.paths import TEST_PATH
from indexer.search.result import SearchRefused

TESTS: Final = ("in", "out", "only")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the filters leave of the repositories of a table: ids of files (None: all), how many chunks these have,
    kinds."""

    files: list[int] | None
    chunks: int | None
    kinds: list[str] | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return self.files is not None and not self.files


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a search, as the database understands it; None leaves all."""

    path_regex: str | None = None
    without_regex: str | None = None
    language: str | None = None
    kinds: list[str] | None = None

    @classmethod
    def of(
        cls,
        *,
        path_glob: str | None = None,
        language: str | None = None,
        kinds: Sequence[str] = (),
        tests: str = "in",
    ) -> Self:
        """Raises SearchRefused for an empty glob, an unknown kind of symbol, and a `tests` that is none of TESTS."""
        if kinds:
            _check_kinds(kinds)
        if tests not in TESTS:
            raise SearchRefused(f"tests: it must be one of {', '.join(TESTS)}, got {tests!r}")
        try:
            regex = glob_regex(path_glob) if path_glob is not None else None
            re.compile(regex or "")
        except re.error as error:
            raise SearchRefused(f"path_glob: the brackets in {path_glob!r} mean nothing ({error})") from None
        except ValueError as error:
            raise SearchRefused(f"path_glob: {error}") from None
        if tests == "only":
            # A lookahead, so that both must hold.
            regex = f"^(?=.*(?:{TEST_PATH})){regex.removeprefix('^') if regex else ''}"
        return cls(
            path_regex=regex,
            without_regex=TEST_PATH if tests == "out" else None,
            language=language.lower() if language else None,
            kinds=list(kinds) or None,
        )

    def within(self, connection: psycopg.Connection[tuple[Any, ...]], repositories: Sequence[int]) -> Scope:
        """What they leave of repositories, by their ids; the paths are looked at once for all legs."""
        if self.path_regex is None and self.without_regex is None and self.language is None:
            return Scope(None, None, self.kinds)
        rows = connection.execute(
            "select id, chunks from pgdex.matching_files(%s::bigint[], %s, %s, %s)",
            [list(repositories), self.path_regex, self.without_regex, self.language],
        ).fetchall()
        return Scope([row[0] for row in rows], sum(row[1] for row in rows), self.kinds)


def _check_kinds(kinds: Sequence[str]) -> None:
    from indexer.chunking import KINDS  # with its grammars, 0.1 s that most searches need not pay

    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise SearchRefused(f"kinds: {unknown[0]!r} is none; the kinds are {', '.join(KINDS)}")
