"""What narrows a search."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import psycopg

from pgdex.indexer.globs import glob_regex, glob_words
from pgdex.indexer.search.paths import TEST_PATH, TEST_WORDS
from pgdex.indexer.search.result import SearchRefused
from pgdex.indexer.search.views import SearchedTable, SearchedView

TESTS: Final = ("in", "out", "only")
EMPTY: Final = "{}"
LONGEST_GLOB: Final = 10_000
"""Characters, some 200 paths: of 20,000 PostgreSQL took 8 s, of 100,000 it says that they are too complex."""
_LIKE: Final = re.compile(r"[%_\\]")


@dataclass(frozen=True, slots=True)
class Scope:
    """What views and filters leave of the chunks of a table: those of these versions only (None: of any), how many
    versions and chunks these are; none of the versions `outside`; those of these kinds.

    Versions are arrays as PostgreSQL writes them: they only go back to it, up to four times, and as lists of a million
    numbers that took a second.
    """

    versions: str | None
    files: int
    chunks: int | None
    outside: str | None
    kinds: list[str] | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return self.versions == EMPTY


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a search, as the database understands it; None leaves all.

    A path has to match `path_regex` and `with_regex` and not `without_regex`; `path_glob` is what `path_regex` was made
    from, to make it again for a certain repository.
    """

    path_regex: str | None = None
    without_regex: str | None = None
    with_regex: str | None = None
    language: str | None = None
    kinds: list[str] | None = None
    path_glob: str | None = None
    tests: str = "in"

    @classmethod
    def of(
        cls,
        *,
        path_glob: str | None = None,
        language: str | None = None,
        kinds: Sequence[str] = (),
        tests: str = "in",
    ) -> Self:
        """Raises SearchRefused for a glob that names nothing, an unknown kind of symbol, and a `tests` that is none of
        TESTS."""
        if kinds:
            _check_kinds(kinds)
        if tests not in TESTS:
            raise SearchRefused(f"tests: it must be one of {', '.join(TESTS)}, got {tests!r}")
        if path_glob is not None and len(path_glob) > LONGEST_GLOB:
            raise SearchRefused(
                f"path_glob: it has {len(path_glob):,} characters; the limit is {LONGEST_GLOB:,}. Name a folder, or "
                "search several times"
            )
        try:
            regex = _path_regex(path_glob, root=None)
        except ValueError as error:
            raise SearchRefused(f"path_glob: {error}") from None
        return cls(
            path_regex=regex,
            without_regex=TEST_PATH if tests == "out" else None,
            with_regex=TEST_PATH if tests == "only" else None,
            language=language.lower() if language else None,
            kinds=list(kinds) or None,
            path_glob=path_glob,
            tests=tests,
        )

    @property
    def narrows_files(self) -> bool:
        """Whether files can be left out for their path or language."""
        sieves = (self.path_regex, self.without_regex, self.with_regex, self.language)
        return any(sieve is not None for sieve in sieves)

    @property
    def narrow_anything(self) -> bool:
        """Whether anything at all can be left out."""
        return self.narrows_files or self.kinds is not None

    def within(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        views: Sequence[SearchedView],
        *,
        ignoring_case: bool = False,
    ) -> Scope:
        """What they leave of views; the paths are looked at once for all retrievers."""
        if not self.narrows_files:
            row = connection.execute(
                "select inside::text, coalesce(cardinality(inside), 0), chunks, outside::text"
                " from pgdex.view_scope(%s::bigint[])",
                [[one.id for one in views]],
            ).fetchone()
            inside, files, chunks, outside = row or (None, 0, None, None)
            return Scope(inside, files, chunks, outside, self.kinds)
        # An absolute path means another one in each view; all others are one question for all of them.
        by_regex: dict[str | None, list[int]] = {}
        words_of: dict[str | None, list[str] | None] = {}
        for one in views:
            regex = self._regex_at(one.root, ignoring_case=ignoring_case)
            by_regex.setdefault(regex, []).append(one.id)
            words_of[regex] = None if ignoring_case else path_words(self.path_glob, root=one.root)
        found = [
            connection.execute(
                "select coalesce(string_agg(id::text, ','), ''), count(*), coalesce(sum(chunks), 0)::bigint"
                " from pgdex.matching_versions(%s::bigint[], %s, %s, %s, %s, %s::text[], %s::text[])",
                [
                    *(ids, regex, self.without_regex, self.language, self.with_regex),
                    *(list(TEST_WORDS), words_of[regex]),
                ],
            ).fetchone()
            or ("", 0, 0)
            for regex, ids in by_regex.items()
        ]
        versions = f"{{{','.join(ids for ids, _, _ in found if ids)}}}"
        files, chunks = (sum(numbers) for numbers in zip(*(one[1:] for one in found), strict=True))
        return Scope(versions, files, chunks, None, self.kinds)

    def _regex_at(self, root: str, *, ignoring_case: bool) -> str | None:
        if self.path_glob is None:
            return self.path_regex
        return _path_regex(self.path_glob, root=root, ignoring_case=ignoring_case)


def scopes_of(
    connection: psycopg.Connection[tuple[Any, ...]], filters: Filters, tables: Sequence[SearchedTable]
) -> tuple[list[Scope], list[str]]:
    """What the filters leave of each table, and a note where letters' case had to be overlooked for that."""
    scopes = [filters.within(connection, table.views) for table in tables]
    if filters.path_glob is None or not all(scope.is_empty for scope in scopes):
        return scopes, []
    others = [filters.within(connection, table.views, ignoring_case=True) for table in tables]
    if all(scope.is_empty for scope in others):
        return scopes, []
    return others, [f"the path filter {filters.path_glob!r} matches files only if upper and lower case are the same"]


def path_words(path_glob: str | None, *, root: str) -> list[str] | None:
    """As LIKE has them: each path that the glob means matches one of these; None where it has no words to tell by."""
    words = glob_words(path_glob, root) if path_glob is not None else []
    return ["%" + _LIKE.sub(r"\\\g<0>", word) + "%" for word in words] or None


def _path_regex(path_glob: str | None, *, root: str | None, ignoring_case: bool = False) -> str | None:
    regex = None if path_glob is None else glob_regex(path_glob, root)
    return f"(?i){regex}" if ignoring_case and regex else regex


def _check_kinds(kinds: Sequence[str]) -> None:
    from pgdex.indexer.chunking import KINDS  # with its grammars, 0.1 s that most searches need not pay

    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise SearchRefused(f"kinds: unknown kind {unknown[0]!r}; valid kinds: {', '.join(KINDS)}")
