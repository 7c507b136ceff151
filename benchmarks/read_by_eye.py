"""Queries over one large source tree, with the first hits of each, for somebody to read.

Run: python -m benchmarks.read_by_eye TREE QUERIES [--long] [--why] [--without RULE]

TREE is the folder of a tree that `pgdex index` has indexed (PGDEX_HOME or PGDEX_DATABASE_URL say where), QUERIES a file
of benchmarks/questions/by_eye: a list of {query, category, relevant}, where `relevant` lists {path, symbol}, the
definitions that answer. Several are alternatives. A piece answers if it is in that file and is called so, by its whole
symbol or by the last part of it. Prints where it came, and the five first hits where that is not at the top.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from pgdex.indexer.embedding import Embedder
from pgdex.indexer.search import SearchHit, SearchRequest, search
from pgdex.indexer.search.names import last_part
from pgdex.indexer.search.ranking import RULES
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.settings import Settings

NEAR: Final = 5  # hits that a reader looks at
LIMIT: Final = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """A definition that answers: the file, relative to the tree, and its symbol or the last part of that."""

    path: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer came; each from 1, 0 where it did not come.

    `shown`: the first hit whose first piece answers. `text`: the first one that shows an answer among its pieces.
    `file`: the first hit in the file of an answer.
    """

    shown: int
    text: int
    file: int


def main() -> None:
    """Ask every query and print what came."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("tree", type=Path)
    options.add_argument("queries", type=Path)
    options.add_argument("--long", action="store_true", help="print the hits of every query")
    options.add_argument("--why", action="store_true", help="print what each score is made of")
    options.add_argument("--without", action="append", default=[], choices=RULES, help="leave out a ranking rule")
    given = options.parse_args()
    settings = Settings.read(os.environ)
    root = str(given.tree.resolve())

    @cache
    def open_embedder(spec: str) -> Embedder:
        return embedder_for(spec, settings)

    places: list[Place] = []
    milliseconds: list[float] = []
    with Client.open(settings) as client:
        for entry in json.loads(given.queries.read_text()):
            wanted = [Wanted(**one) for one in entry["relevant"]]
            started = time.perf_counter()
            found = search(
                client.connection,
                SearchRequest(entry["query"], project_id=settings.project, repo=root, limit=LIMIT),
                open_embedder=open_embedder,
                without_rules=frozenset(given.without),
            )
            milliseconds.append(1000 * (time.perf_counter() - started))
            places.append(place := place_of(wanted, found.hits))
            print(f"\n[{entry['category']}] {entry['query']}")
            print(f"  shown first in hit {place.shown}, shown in {place.text}, its file is {place.file}")
            for note in found.notes:
                print(f"  note: {note}")
            for hit in found.hits[:NEAR] if given.long or place.shown != 1 else ():
                print("\n".join(lines_of(hit, why=given.why)))
    print(
        f"\nof {len(places)}: shown piece right {sum(one.shown == 1 for one in places)}, among {NEAR}"
        f" {sum(0 < one.text <= NEAR for one in places)}, right file first {sum(one.file == 1 for one in places)},"
        f" among {NEAR} {sum(0 < one.file <= NEAR for one in places)};"
        f" p50 {sorted(milliseconds)[len(milliseconds) // 2]:.0f} ms, at most {max(milliseconds):.0f} ms"
    )


def place_of(wanted: Sequence[Wanted], hits: Sequence[SearchHit]) -> Place:
    """Where the hits, best first, have one of the wanted definitions."""

    def answers(path: str, symbol: str | None) -> bool:
        return any(one.path == path and one.symbol in {symbol, last_part(symbol or "")} for one in wanted)

    def first(right: Sequence[bool]) -> int:
        return right.index(True) + 1 if True in right else 0

    return Place(
        shown=first([answers(hit.path, hit.symbol) for hit in hits]),
        text=first(
            [
                answers(hit.path, hit.symbol)
                or any(answers(hit.path, more.symbol) for more in hit.more if more.content is not None)
                for hit in hits
            ]
        ),
        file=first([any(one.path == hit.path for one in wanted) for hit in hits]),
    )


def lines_of(hit: SearchHit, *, why: bool = False) -> list[str]:
    """A hit as a reader of results wants it: one line, and one for each further piece and for the copies."""
    lines = [f"    {hit.score:5.2f} {hit.path}:{hit.start_line}-{hit.end_line} {hit.kind} {hit.symbol}"]
    lines += [f"            also {one.start_line}-{one.end_line} {one.symbol}" for one in hit.more]
    if hit.also_in:
        lines.append(f"            nearly the same in {', '.join(hit.also_in[:NEAR])}")
    if why:
        lines.append("            " + ", ".join(f"{name} {value:.2f}" for name, value in hit.reasons.items()))
    return lines


if __name__ == "__main__":
    main()
