"""What can be asked of an index. A request checks itself when it is made, once, and is handed on whole from then on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pgdex.indexer.languages import NAMES, TEXT, language_of
from pgdex.indexer.search.filters import Filters
from pgdex.indexer.search.query import check_query, check_text
from pgdex.indexer.search.result import SearchRefused


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A query over the repositories of a project.

    `repo` is a repository's path, a folder above it, or a part of its name. `view` is the name, the branch or the path
    of a view; without it each repository is searched in its default view. `path_glob` narrows the search to paths,
    `language` to a language (its name, or an extension such as `py`), `kinds` to kinds of symbols (function, class, …),
    `tests` says whether tests take part (in, out or only), and `limit` is the number of hits wanted.

    Raises SearchRefused, whose message begins with the argument, for an empty query, a text that no database holds, and
    what can't narrow a search.
    """

    query: str
    project_id: str
    repo: str | None = None
    view: str | None = None
    path_glob: str | None = None
    language: str | None = None
    kinds: Sequence[str] = ()
    tests: str = "in"
    limit: int = 10
    filters: Filters = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_query(self.query)
        for argument, text in (("repo_path", self.repo), ("view", self.view), ("path_glob", self.path_glob)):
            check_text(argument, text)
        _check_limit(self.limit)
        filters = Filters.of(
            path_glob=self.path_glob,
            language=None if self.language is None else known_language(self.language),
            kinds=self.kinds,
            tests=self.tests,
        )
        object.__setattr__(self, "filters", filters)


@dataclass(frozen=True, slots=True)
class RelatedRequest:
    """The code at a `line` (from 1) of the file `path` in the repository whose folder is `root`.

    `tests` and `limit` are as in SearchRequest, and SearchRefused is raised likewise. Only the index knows whether
    there is such a place.
    """

    project_id: str
    root: str
    path: str
    line: int
    tests: str = "in"
    limit: int = 10
    filters: Filters = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for argument, text in (("repo_path", self.root), ("path", self.path)):
            check_text(argument, text)
        _check_limit(self.limit)
        object.__setattr__(self, "filters", Filters.of(tests=self.tests))

    @property
    def repo(self) -> str:
        """The repository that is looked into, as SearchRequest names it."""
        return self.root

    @property
    def view(self) -> None:
        """The root says which one."""


def known_language(given: str) -> str:
    """The index's name for a language, also from an extension such as `py`. Raises SearchRefused."""
    from difflib import get_close_matches

    name = given.strip().lower()
    if name in NAMES:
        return name
    by_extension = language_of(f"file.{name.removeprefix('.')}")
    if by_extension is not TEXT:
        return by_extension.name
    near = get_close_matches(name, NAMES, n=3)
    instead = f"did you mean {' or '.join(near)}?" if near else f"the languages are {', '.join(NAMES)}"
    raise SearchRefused(f"language: {given!r} is not known; {instead}")


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise SearchRefused(f"limit: it must be at least 1, got {limit}")
