"""How many of the ten nearest vectors a search finds in a large tree, by what is asked.

Run: python -m benchmarks.tree_recall [--tree FOLDER] [--about FILE] [--home FOLDER]

Indexes a tree of more than 50,000 chunks (the ansible corpus, unless another is given) with the vectors of `code`,
builds its HNSW index, and asks: the queries about the tree (--about, one of the lists in benchmarks/questions/by_eye;
without it those of search_latency), those of the lists about other projects, and names, their words and lines of
comments drawn from the tree. A query's vector is that of a search, whose words count by their rarity. What a search
finds, which has looked for words before, and what the index finds alone are compared with the exact answer; a chunk as
near as the tenth counts as found. --home keeps the index there, for the next run.
"""

import argparse
import json
import re
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.local_cluster import completed, fresh_home, kept_home, work_folder, workers
from benchmarks.measure import machine, table
from benchmarks.search_latency import QUERIES, build, vector_of
from benchmarks.view_recall import NEAREST, require_index
from pgdex.indexer.lexemes import words
from pgdex.indexer.search import SearchRequest
from pgdex.indexer.search.filters import Filters
from pgdex.indexer.search.names import last_part
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.retrievers import Candidates, find_vectors, find_words
from pgdex.indexer.search.views import SearchedTable, searched_tables, searched_views
from pgdex.jobs.client.client import Client

LISTS = Path(__file__).parent / "questions" / "by_eye"
DRAWN = 30  # of each kind of query that is drawn from the tree
COMMENT = re.compile(r"^\s*(?://|#|\*)\s*([A-Z][a-z ,']{25,90})", re.MULTILINE)
LEGAL = re.compile("copyright|licen[cs]e", re.IGNORECASE)
NEAR_ENOUGH = 1e-6  # between a similarity and one minus a distance
EXACT = """
    select 1 - (embedding operator(public.<=>) %(vector)s::public.halfvec)
    from pgdex.chunks_r1 where model_id = %(model)s
    order by embedding operator(public.<=>) %(vector)s::public.halfvec limit %(nearest)s
"""


@dataclass(frozen=True, slots=True)
class Recall:
    """The share of the ten nearest that was found for one query, by a search and by the index alone."""

    kind: str
    by_search: float
    by_index: float


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--about", type=Path, help="the list of queries about the tree")
    options.add_argument("--home", type=Path, help="a folder that keeps the index")
    given = options.parse_args()
    tree = (given.tree or fetch(ANSIBLE)).resolve()
    print(machine(), flush=True)
    with ExitStack() as stack:
        home = (
            kept_home(given.home, embedder="code")
            if given.home
            else fresh_home(stack.enter_context(work_folder("recall")), embedder="code")
        )
        settings = stack.enter_context(home)
        with Client.open(settings) as client:
            with workers(settings, 2):
                completed(client, client.start(tree).job_id)
            print(f"the vector index is there after {build(client):.0f} s", flush=True)
            require_index(client)
            report(client, list(recalls(client, given.about)))


def report(client: Client, found: Sequence[Recall]) -> None:
    """Print a row for each kind of query and one for all."""
    row = client.connection.execute("select count(*) from pgdex.chunks_r1").fetchone()
    kinds = list(dict.fromkeys(one.kind for one in found))
    rows = []
    for kind in [*kinds, "all"]:
        its = [one for one in found if kind in {one.kind, "all"}]
        rows.append(
            [
                kind,
                str(len(its)),
                f"{statistics.mean(one.by_search for one in its):.3f}",
                str(sum(one.by_search < 0.8 for one in its)),
                f"{statistics.mean(one.by_index for one in its):.3f}",
                str(sum(one.by_index < 0.8 for one in its)),
            ]
        )
    print(f"{row[0] if row else 0:,} chunks, recall@{NEAREST}; below 0.8: how many queries")
    print(table(["asked", "queries", "search", "below 0.8", "index alone", "below 0.8"], rows))


def recalls(client: Client, about: Path | None) -> Iterator[Recall]:
    """What is found for each query."""
    (searched,) = searched_tables(searched_views(client.connection, SearchRequest("x", project_id="default")))
    everything = Filters().within(client.connection, searched.views)
    for kind, query in [*queries_about(about), *drawn(client)]:
        vector = vector_of(client, searched, query)
        exact = nearest_exactly(client, searched, vector)
        with_words = Candidates()
        find_words(client.connection, searched, understand(query).terms, everything, with_words)
        find_vectors(client.connection, searched, vector, everything, with_words)
        alone = Candidates()
        find_vectors(client.connection, searched, vector, everything, alone)
        yield Recall(kind, share(exact, with_words), share(exact, alone))


def queries_about(about: Path | None) -> Iterator[tuple[str, str]]:
    """The queries about the tree and about other projects, each with its kind."""
    own = _listed(about) if about is not None else [query for some in QUERIES.values() for query in some]
    yield from (("about the tree", query) for query in own)
    for other in sorted(LISTS.glob("*.json")):
        if about is None or other.resolve() != about.resolve():
            yield from (("about other projects", query) for query in _listed(other))


def _listed(path: Path) -> list[str]:
    return [entry["query"] for entry in json.loads(path.read_text())]


def drawn(client: Client) -> Iterator[tuple[str, str]]:
    """Names of the tree, the words of other names, and lines of comments; the same in each run on the same index."""
    rows = client.connection.execute(
        "select symbol, content from pgdex.chunks_r1 tablesample system (1) repeatable (7)"
        " where symbol is not null order by version_id, ordinal"
    ).fetchall()
    Random(5).shuffle(rows)
    names = list(dict.fromkeys(last_part(symbol) for symbol, _ in rows))
    yield from (("names", name) for name in names[:DRAWN])
    split = (" ".join(words(name)[1:]) for name in names[DRAWN:])
    yield from (("words of names", text) for text in [text for text in split if " " in text][:DRAWN])
    comments = (match[1].strip() for _, content in rows for match in COMMENT.finditer(content))
    lines = [line for line in dict.fromkeys(comments) if not LEGAL.search(line)]
    yield from (("lines of comments", line) for line in lines[:DRAWN])


def nearest_exactly(client: Client, searched: SearchedTable, vector: str) -> float:
    """The similarity of the tenth nearest chunk, by comparing all."""
    with client.connection.transaction():
        client.connection.execute("set local enable_indexscan = off")
        rows = client.connection.execute(
            EXACT, {"vector": vector, "model": searched.model_id, "nearest": NEAREST}
        ).fetchall()
    return float(rows[-1][0])


def share(tenth: float, found: Candidates) -> float:
    """Of the ten nearest chunks, the share that was found."""
    near = sum(one.similarity >= tenth - NEAR_ENOUGH for one in found.found.values() if one.similarity)
    return min(near, NEAREST) / NEAREST


if __name__ == "__main__":
    main()
