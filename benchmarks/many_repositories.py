"""How long a search takes among many repositories: of one, and of a project of 500, with one client and with twenty.

Run: python -m benchmarks.many_repositories [--repositories 10000] [--clients 20] [--rounds 3] [--write]

Fills a fresh embedded server, with PostgreSQL's own limits for connections and locks, with repositories of 5 to 150
chunks, through the function that workers write with: random files of Python's standard library. Every 500 share a
project. A search is all that `pgdex search` does after connecting. Locks are those that the server lists at the end of
a search's transaction. The floor is one statement that reads the same chunks by their key and works out
both of their scores: what the searches can't be quicker than without an index of vectors.
"""

import argparse
import multiprocessing
import random
import statistics
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg

from benchmarks.local_cluster import fresh_home, server_process, work_folder
from benchmarks.measure import load, table, write_section
from pgdex.indexer.embedding import open_embedder
from pgdex.indexer.pipeline import Pipeline, ReadFiles
from pgdex.indexer.search import SearchRequest, search
from pgdex.indexer.search.retrievers import vector_text
from pgdex.indexer.sources import walk
from pgdex.indexer.storage import IndexedFile, write_files
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.settings import Settings

EMBEDDER = "code"
POOL_FILES = 600
POOL_CHUNKS = 15  # of a file at most: repositories are small
OF_A_PROJECT = 500
QUERIES = (
    *("parse command line options", "ThreadPoolExecutor", "retry delay", "where are temporary files removed"),
    *("ValueError: invalid literal", "json encoder", "for key, value in items", "socket timeout", "Path", "walk"),
)
LIMITS = "alter system set max_connections = 100; alter system set max_locks_per_transaction = 64"
LOCKS = "select count(*) from pg_locks where pid = pg_backend_pid()"
FLOOR = """
    select count(*) filter (where c.term_weights operator(public.<#>) %(terms)s::public.sparsevec < 0),
        min(c.embedding::public.halfvec(256) operator(public.<=>) %(vector)s::public.halfvec(256))
    from pgdex.{} c where c.repository_id = any(%(repositories)s)
"""


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repositories", type=int, default=10_000)
    options.add_argument("--clients", type=int, default=20)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    with work_folder("many") as work, fresh_home(work, embedder=EMBEDDER) as settings:
        with_default_limits(settings)
        before = load()
        started = time.perf_counter()
        chunks = fill(settings, given.repositories)
        print(f"{given.repositories:,} repositories, {chunks:,} chunks in {time.perf_counter() - started:.0f} s")
        with Client.open(settings) as client:
            client.connection.execute("vacuum analyze")
        rows = [
            row
            for what, asked in (("one", of_one), ("a project", of_a_project))
            for row in latencies(settings, what, asked, given.repositories, given.clients, given.rounds)
        ]
    report = f"{given.repositories:,} repositories, {chunks:,} chunks; {before}.\n\n" + table(
        ["search of", "clients", "p50 ms", "p95 ms", "locks", "floor, one client, ms"], rows
    )
    print(report)
    if given.write:
        write_section("many_repositories", report)


def with_default_limits(settings: Settings) -> None:
    """As a server has them that nobody has changed."""
    with Client.open(settings) as client:
        for statement in LIMITS.split("; "):
            client.connection.execute(statement.encode())
    server = server_process(settings)
    server.terminate()
    server.wait(60)
    with Client.open(settings) as client:
        row = client.connection.execute("select current_setting('max_connections')").fetchone()
        assert row == ("100",), row


def fill(settings: Settings, repositories: int) -> int:
    """Write them; returns how many chunks they have."""
    pool = files_of_the_standard_library()
    dice = random.Random(1)
    total = 0
    with Client.open(settings) as client:
        connection = client.connection
        model = connection.execute("select pgdex.register_model(%s, 256)", [EMBEDDER]).fetchone()
        assert model is not None
        for number in range(repositories):
            wanted = int(5 * 30 ** dice.random())
            files: dict[str, IndexedFile] = {}
            while sum(len(file.chunks) for file in files.values()) < wanted:
                file = dice.choice(pool)
                files[file.path] = file
            written = sum(len(file.chunks) for file in files.values())
            with connection.transaction():
                connection.execute("insert into pgdex.projects values (%s) on conflict do nothing", [project(number)])
                row = connection.execute(
                    "with made as (insert into pgdex.repositories (project_id, name, identity, model_id,"
                    " embedding_model, embedding_dimension, chunks)"
                    " values (%(project)s, %(name)s, 'folder:' || %(root)s, %(model)s, %(embedder)s, 256, %(chunks)s)"
                    " returning id)"
                    " insert into pgdex.views (repository_id, project_id, root, name, is_default, chunks,"
                    " last_indexed_at)"
                    " select id, %(project)s, %(root)s, %(name)s, true, %(chunks)s, now() from made"
                    " returning repository_id, id",
                    {
                        "project": project(number),
                        "name": f"r{number}",
                        "root": f"/r/{number}",
                        "model": model[0],
                        "embedder": EMBEDDER,
                        "chunks": written,
                    },
                ).fetchone()
                assert row is not None
                repository_id, view_id = row
                connection.execute("select pgdex.ensure_chunk_partition(%s)", [repository_id])
                total += write_files(
                    connection,
                    repository_id=repository_id,
                    view_id=view_id,
                    model_id=model[0],
                    indexed=list(files.values()),
                )
            if number % 1000 == 999:
                print(f"{number + 1:,} written", flush=True)
    return total


def project(number: int) -> str:
    """The project of the repository with a number."""
    return f"p{number // OF_A_PROJECT}"


def files_of_the_standard_library() -> list[IndexedFile]:
    """Some, chunked and embedded; of long ones only the beginning."""
    root = Path(sysconfig.get_path("stdlib"))
    pipeline = Pipeline(embedder=open_embedder(EMBEDDER))
    found = [file.path for file in walk(root) if file.skip_reason is None]
    random.Random(0).shuffle(found)
    # Enough of them, though some are left out when they are read.
    content = pipeline.read(root, [path for path in found if path.endswith(".py")][: 2 * POOL_FILES])
    pool = content.chunked[:POOL_FILES]
    for file in pool:
        del file.chunks[POOL_CHUNKS:]
    return pipeline.embed(ReadFiles(chunked=pool)).indexed


Asked = Callable[[random.Random, int], tuple[str, str | None]]


def of_one(dice: random.Random, repositories: int) -> tuple[str, str | None]:
    """The project and the folder of one repository."""
    number = dice.randrange(repositories)
    return project(number), f"/r/{number}"


def of_a_project(dice: random.Random, repositories: int) -> tuple[str, str | None]:
    """A project as a whole."""
    return project(dice.randrange(repositories)), None


def latencies(
    settings: Settings, what: str, asked: Asked, repositories: int, clients: int, rounds: int
) -> Iterator[list[str]]:
    """A row for one client, and one for many at once."""
    alone, locks = searches(settings, asked, repositories, rounds, 0)
    yield _row(what, 1, alone, locks, f"{floor(settings, asked, repositories) * 1000:.1f}")
    with multiprocessing.get_context("spawn").Pool(clients) as processes:
        work = [(settings, asked, repositories, rounds, seed) for seed in range(1, clients + 1)]
        parts = processes.starmap(searches, work, chunksize=1)
    yield _row(what, clients, [one for seconds, _ in parts for one in seconds], max(n for _, n in parts), "")


def searches(settings: Settings, asked: Asked, repositories: int, rounds: int, seed: int) -> tuple[list[float], int]:
    """The seconds that each took, after one that opens the model, and the most locks that one held."""
    dice = random.Random(seed)
    seconds: list[float] = []
    locks = 0
    with Client.open(settings) as client:
        for query in (QUERIES[0], *(QUERIES * rounds)):
            chosen, repo = asked(dice, repositories)
            started = time.perf_counter()
            search(
                client.connection,
                SearchRequest(query, project_id=chosen, repo=repo),
                open_embedder=lambda spec: embedder_for(spec, settings),
            )
            seconds.append(time.perf_counter() - started)
        with client.connection.transaction():
            search(
                client.connection,
                SearchRequest(QUERIES[0], project_id=chosen, repo=repo),
                open_embedder=lambda spec: embedder_for(spec, settings),
            )
            row = client.connection.execute(LOCKS).fetchone()
            locks = int(row[0]) if row else 0
    return seconds[1:], locks


def floor(settings: Settings, asked: Asked, repositories: int) -> float:
    """The median seconds of the bare statement."""
    dice = random.Random(0)
    embedder = embedder_for(EMBEDDER, settings)
    seconds = []
    with Client.open(settings) as client:
        for query in QUERIES * 3:
            chosen, repo = asked(dice, repositories)
            rows = client.connection.execute(
                "select repository_id, chunk_table from pgdex.views_status where project_id = %s"
                " and (%s::text is null or root = %s)",
                [chosen, repo, repo],
            ).fetchall()
            values = {
                "terms": "{1:1,1000:1,500000:1}/1000000000",
                "vector": vector_text(embedder.embed_query(query)),
                "repositories": [row[0] for row in rows],
            }
            statement = psycopg.sql.SQL(FLOOR).format(psycopg.sql.Identifier(rows[0][1]))
            started = time.perf_counter()
            client.connection.execute(statement, values).fetchall()
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _row(what: str, clients: int, seconds: Sequence[float], locks: int, least: str) -> list[str]:
    quantiles = statistics.quantiles(seconds, n=20)
    return [
        what,
        str(clients),
        f"{statistics.median(seconds) * 1000:.0f}",
        f"{quantiles[-1] * 1000:.0f}",
        str(locks),
        least,
    ]


if __name__ == "__main__":
    main()
