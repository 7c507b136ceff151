"""What a query asks for that is nowhere, so that nobody takes what is merely near for an answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from pgdex.indexer.lexemes import split_token
from pgdex.indexer.search.query import Query, QueryKind
from pgdex.indexer.search.rarity import Frequencies
from pgdex.indexer.search.retrievers import Candidates
from pgdex.indexer.terms import stem_of

LONGEST_NAMED = 80  # characters of a query in a note


@dataclass(frozen=True, slots=True)
class Absent:
    """A sentence about what is nowhere; `is_all` where nothing that was found has to do with the query."""

    note: str
    is_all: bool


def words_that_are_absent(query: Query, candidates: Candidates, frequencies: Sequence[Frequencies]) -> Absent | None:
    """What none of the searched files has, if that is worth a note; None where they have what is asked for.

    `frequencies` of the query's terms in each table that was searched. To look for an absent name once more may take
    the database a second: how it reads a table of a million chunks hangs on how frequent it takes a term to be.
    """
    found = candidates.found.values()
    shown = query.text if len(query.text) <= LONGEST_NAMED else f"{query.text[:LONGEST_NAMED]}…"
    absent: Absent | None = None
    # Of what looks like a path, it may be the path that is nowhere.
    name = query.names[0] if query.kind is QueryKind.NAME and query.names else None
    if not frequencies or any(one.defines or one.path_is_asked_for for one in found):
        pass
    elif not query.words:
        absent = Absent(f"the query {shown!r} has no word in it: give a name, words or a question", is_all=True)
    elif query.is_quoted:
        if not any(one.is_word_for_word for one in found):
            absent = Absent(f"no file searched says {shown} word for word", is_all=False)
    elif name is None or len(split_token(name)) == 1:
        if not any(one.lexical for one in found):
            absent = Absent(
                f"no file searched has a word of {shown!r}; the hits are only near in meaning", is_all=False
            )
    elif not any(one.lexical for one in found):
        absent = Absent(f"no file searched has the name {shown!r}, or a word of it", is_all=True)
    elif all(one.by_term.get(stem_of(split_token(name)[0])) == 0 for one in frequencies):
        absent = Absent(f"no file searched has the name {name!r}; the hits have some of its words", is_all=False)
    return absent
