"""Which of the given names the chunks of a checkout's pgdex know as definitions, at the lines that they are given at.

A program of its own that imports nothing of the benchmarks, so that the version before answers too: it is run by the
Python of its checkout (`CHECKOUT/.venv/bin/python -P THIS_FILE`). It reads one JSON object: `root`, a folder, and
`names`, which has for each path below the root a list of [name, lines]. It writes one: for each path `skipped` (why
pgdex doesn't index the file, or null), `language`, and `known`, a truth value for each name.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pgdex.indexer.chunking import Chunk, ChunkingError, chunk_file
from pgdex.indexer.languages import language_of
from pgdex.indexer.sources import Skipped, SourceText, read_source
from pgdex.indexer.terms import definition_terms

MAX_FILE_BYTES = 1 << 20  # the default of pgdex's setting
# Of these kinds no name is stored as a definition (indexer/chunk_terms.py).
UNNAMED_KINDS = frozenset({"section", "key", "block", "element", "rule"})


def known_names(chunks: Sequence[Chunk], names: Sequence[tuple[str, Sequence[int]]]) -> list[bool]:
    """For each name with its lines, from 1: whether a chunk with one of them defines it, as search looks names up."""
    defined = [
        (chunk.start_line, chunk.end_line, {terms[0] for one in names_in(chunk) if (terms := definition_terms(one))})
        for chunk in chunks
        if chunk.kind not in UNNAMED_KINDS
    ]
    known = []
    for name, lines in names:
        # A setter in Ruby may be stored with its "=".
        asked = {terms[0] for form in (name, f"{name}=") if (terms := definition_terms(form))}
        known.append(
            any(
                not terms.isdisjoint(asked) and any(start <= line <= end for line in lines)
                for start, end, terms in defined
            )
        )
    return known


def names_in(chunk: Chunk) -> tuple[str, ...]:
    """What a chunk defines, and what it passes on (`A = B.A`), by which it is looked up where nothing else defines it;
    a version of pgdex before that one takes the latter for definitions."""
    return (*chunk.defines, *getattr(chunk, "declares", ()))


def of_file(root: Path, path: str, names: Sequence[tuple[str, Sequence[int]]]) -> dict[str, Any]:
    """What is known of one file."""
    source = read_source(root, path, max_file_bytes=MAX_FILE_BYTES)
    if not isinstance(source, SourceText):
        skipped = source.reason.value if isinstance(source, Skipped) else "unchanged"
        return {"skipped": skipped, "language": None, "known": [False] * len(names)}
    language = language_of(path, source.text.partition("\n")[0])
    try:
        chunks = chunk_file(source.text, language, time_limit_seconds=60)
    except ChunkingError as error:
        return {"skipped": type(error).__name__, "language": language.name, "known": [False] * len(names)}
    return {"skipped": None, "language": language.name, "known": known_names(chunks, names)}


def main() -> None:
    """Answer what stands on the standard input."""
    asked = json.load(sys.stdin)
    root = Path(asked["root"])
    answer = {
        path: of_file(root, path, [(name, lines) for name, lines in names]) for path, names in asked["names"].items()
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
