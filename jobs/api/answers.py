"""The answers that only Python programs get, and the words of their notes; the rest is that of every front end."""

from dataclasses import dataclass
from typing import Final

from pgdex.jobs.client.answer import Answer
from pgdex.jobs.client.freshness import FrontEndWords
from pgdex.jobs.client.models import IndexedView, RemovalEffect

WORDS: Final = FrontEndWords(
    index="index('PATH')",
    narrow="repo={root!r}, path_glob={glob!r}",
    widen="without repo the whole project is searched",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal(Answer):
    """What was removed: the `views`, and by repository what went with them. `is_complete` says whether their rows are
    deleted already; where another transaction has their table open, a worker deletes them later."""

    views: list[IndexedView]
    effects: list[RemovalEffect]
    is_complete: bool
