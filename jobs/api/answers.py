"""The answers that only Python programs get; the others are those of every front end."""

from dataclasses import dataclass

from pgdex.jobs.client.answer import Answer
from pgdex.jobs.client.models import IndexedView, RemovalEffect


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal(Answer):
    """What was removed: the `views`, and by repository what went with them. `is_complete` says whether their rows are
    deleted already; where another transaction has their table open, a worker deletes them later."""

    views: list[IndexedView]
    effects: list[RemovalEffect]
    is_complete: bool
