"""The physical floor: the indexer's own pipeline as bare loops in N processes, with no jobs around them.

Walk, then for every 32 files the pipeline and one transaction with a binary COPY, and the GIN index at the end: what is
left when the queue, the fences, the progress and the events are taken away.
"""

import multiprocessing
import time
from pathlib import Path

import psycopg

from pgdex.indexer.embedding import open_embedder
from pgdex.indexer.pipeline import Pipeline
from pgdex.indexer.sources import OpenedRoot, walk
from pgdex.indexer.storage import write_files

BATCH_FILES = 32


def run_floor(root: Path, *, conninfo: str, embedder: str, processes: int) -> float:
    """Index `root` with bare loops in a database that holds no repository yet, and return the wall seconds."""
    (opened := open_embedder(embedder)).probe()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("insert into pgdex.projects (id) values ('floor')")
        ((repository_id,),) = connection.execute(
            "insert into pgdex.repositories (project_id, name) values ('floor', 'floor') returning id"
        )
        ((view_id,),) = connection.execute(
            "insert into pgdex.views (repository_id, project_id, root, name, is_default)"
            " values (%s, 'floor', %s, 'floor', true) returning id",
            [repository_id, str(root)],
        )
        connection.execute("select pgdex.ensure_chunk_partition(%s, 1000000)", [repository_id])
        ((model_id,),) = connection.execute("select pgdex.register_model(%s, %s)", [opened.name, opened.dimension])
        started = time.perf_counter()
        paths = [file.path for file in walk(root) if file.skip_reason is None]
        batches = [paths[start : start + BATCH_FILES] for start in range(0, len(paths), BATCH_FILES)]
        arguments = (root, conninfo, embedder, repository_id, view_id, model_id)
        with multiprocessing.get_context("fork").Pool(processes, Loop, arguments) as pool:
            list(pool.imap_unordered(Loop.index, batches))
        connection.execute("select pgdex.build_indexes(%s)", [repository_id])
        return time.perf_counter() - started


class Loop:
    """What each process of the pool works with."""

    here: "Loop"

    def __init__(
        self, root: Path, conninfo: str, embedder: str, repository_id: int, view_id: int, model_id: int
    ) -> None:
        Loop.here, self.root = self, OpenedRoot(root)
        self.repository_id, self.view_id, self.model_id = repository_id, view_id, model_id
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.pipeline = Pipeline(embedder=open_embedder(embedder))
        self.pipeline.embedder.probe()

    @staticmethod
    def index(paths: list[str]) -> None:
        """One batch; files that turn out not to be worth indexing are not written."""
        here = Loop.here
        indexed = here.pipeline.run(here.root, paths).indexed
        with here.connection.transaction():
            write_files(
                here.connection,
                repository_id=here.repository_id,
                view_id=here.view_id,
                model_id=here.model_id,
                indexed=indexed,
            )
