"""Versions of files in a synthetic repository: writing some, and what is stored of them."""

from collections.abc import Sequence

from pgdex.indexer.storage import IndexedFile, write_files
from pgdex.jobs.database.connection import Connection
from tests.support.job_checks import value
from tests.support.synthetic_chunks import SyntheticRepository, chunk, indexed_files

UNUSED = "select array_agg(path order by path) from pgdex.versions where unused_since is not null"
HELD = "select array_agg(path order by path) from pgdex.view_files where version_id is not null"


def write(
    connection: Connection,
    repository: SyntheticRepository,
    *texts: str,
    view_id: int | None = None,
    force: bool = False,
) -> int:
    """Each text becomes the content of a file, f0, f1, …, of the view; returns how many chunks were written."""
    files = files_of(*texts)
    with connection.transaction():
        return write_files(
            connection,
            repository_id=repository.id,
            view_id=view_id or repository.view_id,
            model_id=repository.model_id,
            indexed=files,
            force=force,
        )


def files_of(*texts: str) -> Sequence[IndexedFile]:
    """A file for each text, f0, f1, …, of one chunk, whose hash is the text itself."""
    return indexed_files(
        [chunk(text) for text in texts], path_of="f{}".format, hash_of=lambda number: texts[number].encode()
    )


def another_view(connection: Connection, repository: SyntheticRepository, root: str = "/synthetic/worktree") -> int:
    """A second view of the repository, without files."""
    number = value(
        connection,
        "insert into pgdex.views (repository_id, project_id, root, name, kind, is_main)"
        " values (%s, 'default', %s, 'worktree', 'worktree', false) returning id",
        *(repository.id, root),
    )
    assert isinstance(number, int)
    return number


def rows(connection: Connection, table: str) -> int:
    """How many rows a table of the schema pgdex has."""
    return int(value(connection, f"select count(*) from pgdex.{table}"))


def versions(connection: Connection) -> dict[tuple[str, bytes], int]:
    """The ids of versions by path and content."""
    found = connection.execute("select path, content_hash, id from pgdex.versions").fetchall()
    return {(path, bytes(content)): number for path, content, number in found}
