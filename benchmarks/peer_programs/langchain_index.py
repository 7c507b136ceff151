"""One run of LangChain's indexing API over a tree, in an environment of its own (see benchmarks.peers).

Run: python langchain_index.py TREE DATABASE_URL PGVectorStore|PGVector

Code is split by language into pieces of at most 1,000 characters. cleanup="full" is the mode for a loader that yields
everything: it also removes what has gone. A batch of 1,000 instead of 100 makes it faster.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from langchain_classic.indexes import SQLRecordManager, index
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_postgres import Column, PGEngine, PGVector, PGVectorStore
from langchain_text_splitters import Language, RecursiveCharacterTextSplitter
from sqlalchemy.exc import ProgrammingError

from pgdex.indexer.embedding.hashing import HashingEmbedder

CHUNK_CHARACTERS = 1_000
BATCH = 1_000
TABLE = "chunks"
LANGUAGES = {".py": Language.PYTHON, ".md": Language.MARKDOWN, ".rst": Language.RST, ".js": Language.JS}


class Hashing(Embeddings):
    """pgdex's embedder without a model."""

    def __init__(self) -> None:
        self._embedder = HashingEmbedder()

    @property
    def dimension(self) -> int:
        """The length of the vectors."""
        return self._embedder.dimension

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of texts."""
        vectors: list[list[float]] = self._embedder.embed(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self.embed_documents([text])[0]


def documents(root: Path) -> Iterator[Document]:
    """The pieces of every file, in the order of the paths."""
    by_ending = {
        ending: RecursiveCharacterTextSplitter.from_language(
            language, chunk_size=CHUNK_CHARACTERS, chunk_overlap=0, add_start_index=True
        )
        for ending, language in LANGUAGES.items()
    }
    other = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARACTERS, chunk_overlap=0, add_start_index=True)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = str(path.relative_to(root))
        text = path.read_text(errors="replace").replace("\0", "")
        yield from by_ending.get(path.suffix, other).create_documents([text], [{"source": name}])


def opened(kind: str, url: str, embeddings: Hashing) -> VectorStore:
    """The vector store, made if it is not there."""
    if kind == "PGVector":
        return PGVector(
            embeddings=embeddings,
            connection=url.replace("postgresql://", "postgresql+psycopg://"),
            collection_name=TABLE,
            embedding_length=embeddings.dimension,
        )
    engine = PGEngine.from_connection_string(url=url.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        engine.init_vectorstore_table(
            table_name=TABLE,
            vector_size=embeddings.dimension,
            id_column=Column("langchain_id", "TEXT", nullable=False),  # it is a UUID otherwise, and no blake2b
        )
    except ProgrammingError as error:
        if "already exists" not in str(error):
            raise
    return PGVectorStore.create_sync(engine=engine, table_name=TABLE, embedding_service=embeddings)


def main() -> None:
    """Index the tree as it is now, and say what was done."""
    root, url, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    records = SQLRecordManager(TABLE, db_url=url.replace("postgresql://", "postgresql+psycopg://"))
    records.create_schema()
    store = opened(kind, url, Hashing())
    result = index(
        documents(root),
        records,
        store,
        cleanup="full",
        source_id_key="source",
        batch_size=BATCH,
        cleanup_batch_size=BATCH,
        key_encoder="blake2b",
    )
    print(result)


if __name__ == "__main__":
    main()
