"""How long a search takes: by kind of query, with one client and with eight, on one index and on one several times as
large; and how much of the exact answer the vector index finds.

Run: python -m benchmarks.search_latency [--copies 1,5] [--tree FOLDER] [--write]

Indexes the ansible corpus (about 210,000 chunks) on a fresh embedded server; the larger index is that many copies of
its rows in one repository, each copy's vectors turned a little, so that neighbours are no duplicates. A query is all
that `pgdex search` does after connecting: embedding, all retrievers, ranking, reading what is shown. Cold is the
first round after a restart of the server (the operating system's cache stays warm).
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import LiteralString, TypedDict

import numpy as np
import psutil

from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.local_cluster import completed, fresh_home, work_folder, workers
from benchmarks.measure import table, write_section
from pgdex.indexer.search import SearchRequest, search
from pgdex.indexer.search.filters import Filters, Scope
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.rarity import frequencies_of
from pgdex.indexer.search.retrievers import Candidates, QueryVectors, find_vectors, find_words, vector_text
from pgdex.indexer.search.views import SearchedTable, searched_tables, searched_views
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.settings import Settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "search.md"
ROUNDS = 5
CLIENTS = 8
QUERIES = {
    "name": ("AnsibleModule", "get_bin_path", "ec2_instance", "parseHostPort", "VarDict", "run_command"),
    "path": ("plugins/inventory/aws_ec2.py", "module_utils/vardict.py", "nxos_facts.py", "docker_container.py"),
    "words": ("retry delay", "plugin", "vault decrypt password", "parse yaml loader", "facts cache", "module"),
    "question": (
        "where are connection retries computed",
        "how does the inventory plugin cache hosts",
        "how are secrets read from the environment",
        "what happens when a container does not stop in time",
    ),
    "error": (
        "ERROR! couldn't resolve module/action 'community.general.ufw'",
        "KeyError: 'hostvars' in inventory cache",
        "fatal: [host]: UNREACHABLE! => Failed to connect to the host via ssh",
    ),
    "code": ("for key, value in params.items():", "module.fail_json(msg=to_native(e))", "if not HAS_BOTO3: return"),
}


class Narrowed(TypedDict, total=False):
    """What narrows a search here."""

    language: str
    path_glob: str


FILTERS = (("none", None, None), ("language yaml", None, "yaml"), ("path", "inventory", None))
FILTERED: tuple[Narrowed, ...] = ({"language": "yaml"}, {"path_glob": "**/plugins/inventory/**"})


def main() -> None:
    """Measure and print; with --write also into docs/search.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--copies", default="1,5")
    options.add_argument("--tree", type=Path)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    tree = (given.tree or fetch(ANSIBLE)).resolve()
    rows: list[list[str]] = []
    recalls: list[list[str]] = []
    with work_folder("latency") as work, fresh_home(work, embedder="code") as settings:
        with workers(settings, 2), Client.open(settings) as client:
            completed(client, client.start(tree).job_id)
        for copies in map(int, given.copies.split(",")):
            with Client.open(settings) as client:
                chunks = enlarge(client, copies)
                every = [query for queries in QUERIES.values() for query in queries]
                rows.append(_row(chunks, 1, "all kinds, no vector index yet", _asked(settings, every, ROUNDS, {}), []))
                recalls += recall(client, chunks, name="no vector index yet", filters=(("none", None, None),))
                print(rows[-1], recalls[-1], "building the vector index …", flush=True)
                built = build(client)
            for row in latencies(settings, chunks, built):
                rows.append(row)
                print(row, flush=True)
            with Client.open(settings) as client:
                recalls += recall(client, chunks)
                print(recalls[-3:], flush=True)
    report = "\n\n".join(
        (
            table(["chunks", "clients", "query", "p50 ms", "p95 ms", "first after a restart, ms"], rows),
            table(["chunks", "with", "filter", "recall@10 of the vector retriever against the exact answer"], recalls),
        )
    )
    print(report)
    if given.write:
        write_section("search_latency", report, document=DOCUMENT)


def enlarge(client: Client, copies: int) -> int:
    """Make the one repository's index that many times as large as it was at first; returns its chunks."""
    connection = client.connection
    connection.execute("select pgdex.drop_vector_indexes(1, null)")
    connection.execute("select pgdex.ensure_chunk_partition(1, 1000000)")  # however small it is at first
    generator = np.random.default_rng(0)
    present = _number(client, "select count(distinct version_id / 1000000000) from pgdex.chunks_r1")
    for copy in range(present, copies):
        with connection.transaction():
            connection.execute(
                "insert into pgdex.versions (id, repository_id, path, language, size, content_hash, chunks, model_id,"
                " index_format, skip_reason) overriding system value"
                " select id + %(copy)s::bigint * 1000000000, 1, 'copy' || %(copy)s || '/' || path, language,"
                " size, content_hash, chunks, model_id, index_format, skip_reason from pgdex.versions"
                " where id < 1000000000",
                {"copy": copy},
            )
            connection.execute(
                "insert into pgdex.view_files (view_id, version_id, path, size, mtime_ns, skip_reason)"
                " select view_id, version_id + %(copy)s::bigint * 1000000000, 'copy' || %(copy)s || '/' || path, size,"
                " mtime_ns, skip_reason from pgdex.view_files where version_id < 1000000000",
                {"copy": copy},
            )
            connection.execute(
                "insert into pgdex.chunks_r1 (repository_id, version_id, ordinal, start_line, end_line, kind, symbol,"
                " content, embedding, model_id, lexemes, term_weights)"
                " select 1, version_id + %(copy)s::bigint * 1000000000, ordinal, start_line, end_line, kind, symbol,"
                " content, public.l2_normalize(embedding operator(public.+) %(turn)s::public.halfvec(256)), model_id,"
                " lexemes, term_weights"
                " from pgdex.chunks_r1 where version_id < 1000000000",
                {"copy": copy, "turn": vector_text((generator.normal(size=256) * 0.01).astype(np.float32))},
            )
    connection.execute("set statement_timeout = 0")
    connection.execute("select pgdex.build_indexes(1)")  # as at a job's end: statistics of more words, too
    connection.execute("analyze pgdex.chunks_r1, pgdex.versions, pgdex.view_files")
    return _number(client, "select count(*) from pgdex.chunks_r1")


def build(client: Client) -> float:
    """Build what is due; returns the seconds that it took."""
    started = time.perf_counter()
    for counting in ("repositories", "views"):
        client.connection.execute(f"update pgdex.{counting} set chunks = (select count(*) from pgdex.chunks_r1)")
    # Workers build it without a limit of time; a client's statements have one.
    client.connection.execute("set statement_timeout = 0")
    client.connection.execute("select pgdex.build_vector_index(1, %s)", [client.settings.exact_search_chunks])
    return time.perf_counter() - started


def latencies(settings: Settings, chunks: int, built: float) -> Iterator[list[str]]:
    """A row for each kind of query and number of clients."""
    yield [f"{chunks:,}", "", f"vector index built in {built:.0f} s", "", "", ""]
    for kind, queries in QUERIES.items():
        restart(settings)
        cold = _asked(settings, queries, 1, {})
        warm = _asked(settings, queries, ROUNDS, {})
        yield _row(chunks, 1, kind, warm, cold)
    every = [query for queries in QUERIES.values() for query in queries]
    for narrowed in FILTERED:
        filters = " ".join(f"{name} {value}" for name, value in narrowed.items())
        yield _row(chunks, 1, f"all kinds, {filters}", _asked(settings, every, ROUNDS, narrowed), [])
    with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
        parts = pool.starmap(_asked, [(settings, every[n:] + every[:n], ROUNDS, {}) for n in range(CLIENTS)])
    yield _row(chunks, CLIENTS, "all kinds", [value for part in parts for value in part], [])


def restart(settings: Settings) -> None:
    """Stop the server; the next client starts it."""
    pid = int((settings.home / "data" / "postmaster.pid").read_text().split()[0])
    server = psutil.Process(pid)
    server.terminate()
    server.wait(60)
    Client.open(settings).close()


def recall(
    client: Client,
    chunks: int,
    *,
    name: str = "vector index",
    filters: Sequence[tuple[str, str | None, str | None]] = FILTERS,
) -> Iterator[list[str]]:
    """How many of the ten nearest are found, with each of the filters: a name, a pattern of paths, a language."""
    (searched,) = searched_tables(searched_views(client.connection, SearchRequest("x", project_id="default")))
    every = [(query, vector_of(client, searched, query)) for queries in QUERIES.values() for query in queries]
    for narrowed, path, language in filters:
        shares = []
        for query, vector in every:
            scope = Filters(path_regex=path, language=language).within(client.connection, searched.views)
            exact = _exactly_nearest(client, vector, scope)
            shares.append(len(exact & _nearest(client, searched, query, vector, scope)) / max(1, len(exact)))
        yield [f"{chunks:,}", name, narrowed, f"{statistics.mean(shares):.4f}"]


def vector_of(client: Client, searched: SearchedTable, query: str) -> str:
    """The query's vector as a search makes it: its words count by their rarity. Raises EmbedderError."""
    frequencies = frequencies_of(client.connection, searched, understand(query).terms)
    vectors = QueryVectors(query, lambda spec: embedder_for(spec, client.settings))
    vector = vectors.of("code", frequencies)
    if not isinstance(vector, str):
        raise vector
    return vector


def _nearest(client: Client, searched: SearchedTable, query: str, vector: str, scope: Scope) -> set[tuple[int, int]]:
    """As a search finds them, which has looked for words before."""
    candidates = Candidates()
    find_words(client.connection, searched, understand(query).terms, scope, candidates)
    find_vectors(client.connection, searched, vector, scope, candidates)
    nearest = sorted(candidates.found.values(), key=lambda one: (-one.similarity, one.key))
    return {one.key[1:] for one in nearest[:10]}


def _exactly_nearest(client: Client, vector: str, scope: Scope) -> set[tuple[int, int]]:
    with client.connection.transaction(force_rollback=True):
        client.connection.execute("select pgdex.drop_signatures(1)")
        client.connection.execute("set local enable_indexscan = off")
        rows = client.connection.execute(
            "select version_id, ordinal from pgdex.search_vectors("
            " array[1::bigint], (select model_id from pgdex.repositories), 256, %s, %s::bigint[], %s, %s::bigint[],"
            " null, 100, 2000000000) limit 10",
            [vector, scope.versions, scope.chunks, scope.outside],
        ).fetchall()
    return {(version_id, ordinal) for version_id, ordinal in rows}


def _asked(settings: Settings, queries: Sequence[str], rounds: int, narrowed: Narrowed) -> list[float]:
    with Client.open(settings) as client:
        seconds = []
        for _ in range(rounds):
            for query in queries:
                started = time.perf_counter()
                search(
                    client.connection,
                    SearchRequest(query, project_id="default", **narrowed),
                    open_embedder=lambda spec: embedder_for(spec, settings),
                )
                seconds.append(time.perf_counter() - started)
        return seconds


def _row(chunks: int, clients: int, kind: str, warm: list[float], cold: list[float]) -> list[str]:
    quantiles = statistics.quantiles(warm, n=20)
    return [
        f"{chunks:,}",
        str(clients),
        kind,
        f"{statistics.median(warm) * 1000:.0f}",
        f"{quantiles[-1] * 1000:.0f}",
        f"{max(cold) * 1000:.0f}" if cold else "",
    ]


def _number(client: Client, query: LiteralString) -> int:
    row = client.connection.execute(query).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
