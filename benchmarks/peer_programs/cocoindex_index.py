"""One run of a cocoindex app over a tree with its Postgres target, in an environment of its own (see benchmarks.peers).

Run: COCOINDEX_DB=FOLDER python cocoindex_index.py TREE DATABASE_URL

Follows cocoindex' own example for code: its splitter by language with its sizes (without overlap, so that there are no
more rows than pgdex has), a memo for each file, embedding in batches.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any

import asyncpg
import cocoindex as coco
import numpy as np
from cocoindex.connectors import localfs, postgres
from cocoindex.ops.text import RecursiveSplitter, detect_code_language
from cocoindex.resources.id import IdGenerator
from cocoindex.resources.schema import VectorSchema, VectorSchemaProvider
from numpy.typing import NDArray

from pgdex.indexer.embedding.hashing import HashingEmbedder

TABLE = "chunks"
CHUNK_CHARACTERS = 1_000
LEAST_CHARACTERS = 300
EMBED_BATCH = 1_024

Vector = NDArray[np.float32]


class Hashing(VectorSchemaProvider):
    """pgdex's embedder without a model."""

    def __init__(self) -> None:
        self._embedder = HashingEmbedder()

    async def __coco_vector_schema__(self) -> VectorSchema:
        """What a column of vectors looks like."""
        return VectorSchema(dtype=np.dtype(np.float32), size=self._embedder.dimension)

    @coco.fn.as_async(batching=True, max_batch_size=EMBED_BATCH)
    def embed(self, texts: list[str]) -> list[Vector]:
        """Vectors of texts; cocoindex gathers concurrent calls."""
        return list(self._embedder.embed(texts))


DATABASE = coco.ContextKey[Any]("database")
EMBEDDER = coco.ContextKey[Hashing]("embedder")
SPLITTER = RecursiveSplitter()


@dataclass
class Row:
    """A row of the table."""

    id: int
    filename: str
    code: str
    embedding: Annotated[NDArray[Any], EMBEDDER]
    start_line: int
    end_line: int


@coco.lifespan
async def lifespan(builder: Any) -> AsyncIterator[None]:
    """What the app works with."""
    async with asyncpg.create_pool(sys.argv[2]) as pool:
        builder.provide(DATABASE, pool)
        builder.provide(EMBEDDER, Hashing())
        yield


@coco.fn
async def process_chunk(chunk: Any, filename: PurePath, ids: Any, table: Any) -> None:
    """Embed a piece and declare its row."""
    vector = await coco.use_context(EMBEDDER).embed(chunk.text)
    table.declare_row(
        row=Row(
            id=await ids.next_id(chunk.text),
            filename=str(filename),
            code=chunk.text,
            embedding=vector,
            start_line=chunk.start.line,
            end_line=chunk.end.line,
        )
    )


@coco.fn(memo=True)
async def process_file(file: Any, table: Any) -> None:
    """Cut a file and process its pieces."""
    text = (await file.read_text()).replace("\0", "")
    chunks = SPLITTER.split(
        text,
        chunk_size=CHUNK_CHARACTERS,
        min_chunk_size=LEAST_CHARACTERS,
        chunk_overlap=0,
        language=detect_code_language(filename=str(file.file_path.path.name)),
    )
    await coco.map(process_chunk, chunks, file.file_path.path, IdGenerator(), table)


@coco.fn
async def app_main(root: Path) -> None:
    """Every file of the tree into one table."""
    table = await postgres.mount_table_target(
        DATABASE,
        table_name=TABLE,
        table_schema=await postgres.TableSchema.from_class(Row, primary_key=["id"]),
    )
    files = localfs.walk_dir(root, recursive=True)
    await coco.mount_each(process_file, files.items(), table)


async def main() -> None:
    """Index the tree as it is now."""
    app = coco.App(coco.AppConfig(name="peer"), app_main, root=Path(sys.argv[1]))
    async with coco.runtime():
        await app.update()


if __name__ == "__main__":
    asyncio.run(main())
