"""How much of the exact answer a search of one view finds with the vector index, and how long it takes, where the view
holds 1, 30, 50, 99 or 100 % of the repository's chunks.

Run: python -m benchmarks.view_recall [--tree FOLDER] [--rounds 3] [--write]

Indexes the ansible corpus (about 210,000 chunks, vectors of `code`) on a fresh embedded server, waits for its HNSW
index, and makes further views of the repository by SQL: of files that are spread over the tree, or of its first
folders. Recall is that of the vector retriever's ten nearest for the queries of search_latency; the times are those of
all that `pgdex search` does after connecting, of one client.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.local_cluster import completed, fresh_home, work_folder, workers
from benchmarks.measure import load, machine, table, write_section
from benchmarks.search_latency import DOCUMENT, QUERIES, build, vector_of
from pgdex.indexer.search import SearchRequest, search
from pgdex.indexer.search.filters import Filters, Scope
from pgdex.indexer.search.views import SearchedView, searched_tables, searched_views
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for

SHARES = (1, 30, 50, 99, 100)
KEPT = {"spread": "md5(e.path)", "folders": "e.path"}
NEAREST = 10
PROMISED_RECALL = 0.98
# The share is of chunks and not of files; the view's count is as complete_job leaves it.
ADD_VIEW = """
    with added as (
        insert into pgdex.views (repository_id, project_id, root, name, kind, is_main, last_indexed_at)
        select repository_id, project_id, %(root)s, %(root)s, 'worktree', false, clock_timestamp()
        from pgdex.views where is_default
        returning id
    ), counted as (
        select e.*, sum(w.chunks) over (order by {order}, e.path rows unbounded preceding) as so_far,
            sum(w.chunks) over () as every
        from pgdex.views v
        join pgdex.view_files e on e.view_id = v.id
        join pgdex.versions w on w.id = e.version_id
        where v.is_default
    )
    insert into pgdex.view_files (view_id, version_id, size, mtime_ns, path)
    select added.id, c.version_id, c.size, c.mtime_ns, c.path
    from added, counted c where c.so_far <= c.every * %(percent)s / 100.0
"""
COUNT = """
    update pgdex.views v set chunks = (
        select coalesce(sum(w.chunks), 0)
        from pgdex.view_files e join pgdex.versions w on w.id = e.version_id where e.view_id = v.id
    )
"""
SEARCH = """
    select version_id, ordinal from pgdex.search_vectors(
        %(repositories)s::bigint[], %(model)s::smallint, %(dimension)s, %(vector)s, %(versions)s::bigint[], %(chunks)s,
        %(outside)s::bigint[], null, 100, p_exact_chunks => %(exact)s
    ) limit %(nearest)s
"""


def main() -> None:
    """Measure and print; with --write also into docs/search.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--rounds", type=int, default=3, help="how often each query is timed")
    options.add_argument("--write", action="store_true", help="put the results into docs/search.md")
    given = options.parse_args()
    tree = (given.tree or fetch(ANSIBLE)).resolve()
    print(machine(), before := load(), flush=True)
    with work_folder("recall") as work, fresh_home(work, embedder="code") as settings:
        with workers(settings, 2), Client.open(settings) as client:
            completed(client, client.start(tree).job_id)
        with Client.open(settings) as client:
            chunks = made_views(client)
            build(client)
            require_index(client)
            client.connection.execute(COUNT)
            client.connection.execute("analyze pgdex.versions, pgdex.view_files, pgdex.views")
            rows = []
            for kept in KEPT:
                for percent in SHARES:
                    rows.append(measured(client, f"/{kept}_{percent}", kept, percent, rounds=given.rounds))
                    print(rows[-1], flush=True)
    report = (
        f"{chunks:,} chunks with an HNSW index, {sum(map(len, QUERIES.values()))} queries; {before}. Promised is a"
        f" recall of {PROMISED_RECALL}.\n\n"
        + table(
            ["files of the view", "chunks of it", "kept to by", "recall@10", "smallest of a query", "p50 ms", "p95 ms"],
            rows,
        )
    )
    print(report)
    if given.write:
        write_section("view_recall", report, document=DOCUMENT)


def made_views(client: Client) -> int:
    """Add the views; returns how many chunks the repository has."""
    connection = client.connection
    connection.execute("select pgdex.ensure_chunk_partition(1, 1000000)")  # however small it is
    for kept, order in KEPT.items():
        for percent in SHARES:
            statement = ADD_VIEW.format(order=order).encode()
            connection.execute(statement, {"root": f"/{kept}_{percent}", "percent": percent})
    row = connection.execute("select count(*) from pgdex.chunks_r1").fetchone()
    return int(row[0]) if row else 0


def require_index(client: Client) -> None:
    """Raises RuntimeError where there is no vector index: then every answer would be exact."""
    row = client.connection.execute(
        "select to_regclass('pgdex.' || pgdex.vector_index_name(id, model_id)) is not null"
        " from pgdex.repositories where id = 1"
    ).fetchone()
    if not row or not row[0]:
        raise RuntimeError("there is no vector index: the tree has too few chunks (see PGDEX_EXACT_SEARCH_CHUNKS)")


def measured(client: Client, root: str, kept: str, percent: int, *, rounds: int) -> list[str]:
    """The row of one view."""
    request = SearchRequest("x", project_id="default", repo=root)
    (view,) = searched_views(client.connection, request)
    scope = Filters().within(client.connection, [view])
    (searched,) = searched_tables([view])
    queries = [query for some in QUERIES.values() for query in some]
    recalls = []
    for query in queries:
        vector = vector_of(client, searched, query)
        exact = set(nearest(client, vector, view, scope, exact=True))
        recalls.append(len(exact & set(nearest(client, vector, view, scope, exact=False))) / max(1, len(exact)))
    seconds = sorted(timed(client, query, root) for _ in range(rounds) for query in queries)
    return [
        f"{percent} %, {kept}",
        f"{_chunks_of(client, view):,}",
        "what it holds"
        if scope.versions is not None
        else f"{len(scope.outside.split(',')) if scope.outside else 0:,} versions that it does not hold",
        f"{statistics.mean(recalls):.4f}",
        f"{min(recalls):.1f}",
        f"{statistics.median(seconds) * 1000:.0f}",
        f"{seconds[int(len(seconds) * 0.95)] * 1000:.0f}",
    ]


def nearest(client: Client, vector: str, view: SearchedView, scope: Scope, *, exact: bool) -> Sequence[tuple[int, int]]:
    """The ten nearest chunks of the view: as the index finds them without the help of words, or by comparing all."""
    with client.connection.transaction():
        if exact:
            client.connection.execute("set local enable_indexscan = off")
        return client.connection.execute(
            SEARCH,
            {
                "repositories": [view.repository_id],
                "model": view.model_id,
                "dimension": view.embedding_dimension,
                "vector": vector,
                "versions": scope.versions,
                "chunks": scope.chunks,
                "outside": scope.outside,
                "exact": 2_000_000_000 if exact else 20_000,
                "nearest": NEAREST,
            },
        ).fetchall()


def timed(client: Client, query: str, root: str) -> float:
    """Seconds of one search of the view."""
    started = time.perf_counter()
    search(
        client.connection,
        SearchRequest(query, project_id="default", repo=root),
        open_embedder=lambda spec: embedder_for(spec, client.settings),
    )
    return time.perf_counter() - started


def _chunks_of(client: Client, view: SearchedView) -> int:
    row = client.connection.execute("select chunks from pgdex.views where id = %s", [view.id]).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
