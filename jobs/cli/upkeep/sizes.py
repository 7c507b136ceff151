"""How much disk space what takes: the parts of PGDEX_HOME, and what is in the database."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.cli.upkeep.home_parts import MEANINGS, bytes_on_disk, home_parts
from pgdex.jobs.errors import PgdexError
from pgdex.jobs.settings import Settings

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection

DATABASE = """
    select
        pg_database_size(current_database()),
        coalesce((
            select sum(pg_total_relation_size(c.oid))
            from pg_class c
            where c.relnamespace = to_regnamespace('pgdex') and c.relkind in ('r', 'm')
        ), 0)::bigint
"""
REPOSITORIES = """
    select r.project_id, r.name, z.bytes_on_disk, z.is_estimate, z.source_bytes
    from pgdex.repositories r
    join pgdex.repository_sizes(
        array(select id from pgdex.repositories where removed_at is null)
    ) as z on z.repository_id = r.id
    order by z.bytes_on_disk desc, r.project_id, lower(r.name)
"""


@dataclass(frozen=True, slots=True)
class PartSize:
    """One part of PGDEX_HOME; `unreadable` folders of it are not in `bytes`."""

    kind: str
    meaning: str
    path: str
    bytes: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class RepositorySize:
    """The chunks of one repository, with vectors and indexes, and how large its source files are."""

    project_id: str
    name: str
    bytes: int
    is_estimate: bool
    source_bytes: int


@dataclass(frozen=True, slots=True)
class DatabaseSize:
    """A database, the schema `pgdex` in it, and its repositories, the largest first."""

    where: str
    bytes: int
    schema_bytes: int
    repositories: tuple[RepositorySize, ...]


def part_sizes(settings: Settings, *, progress: Callable[[], object] = lambda: None) -> list[PartSize]:
    """The parts of PGDEX_HOME, each kind once, and the model that PGDEX_EMBEDDER takes from a cache.

    Raises PgdexError where the folder can't be listed.
    """
    try:
        parts, _ = home_parts(settings.home)
    except OSError as error:
        raise PgdexError(
            f"{settings.home} can't be listed: {error.strerror}. `pgdex config` shows what PGDEX_HOME is"
        ) from None
    found = []
    for kind, meaning in MEANINGS.items():
        ours = [part.path for part in parts if part.kind == kind]
        if ours:
            sizes = [bytes_on_disk(path, progress=progress) for path in ours]
            where = str(ours[0]) if len(ours) == 1 else str(settings.home)
            found.append(PartSize(kind, meaning, where, sum(s for s, _ in sizes), sum(u for _, u in sizes)))
    model = model_folder(settings.embedder)
    if model is not None:
        taken, unreadable = bytes_on_disk(model, progress=progress)
        found.append(PartSize("model", "the embedding model that PGDEX_EMBEDDER names", str(model), taken, unreadable))
    return found


def model_folder(embedder: str) -> Path | None:
    """Where the model of `static:NAME` or `fastembed:NAME` lies: its folder, or Hugging Face's cache, which other
    programs share. None for the bundled model and for services."""
    provider, _, model = (part.strip() for part in embedder.partition(":"))
    if provider not in ("static", "fastembed") or not model:
        return None
    given = Path(model).expanduser()
    hub = os.environ.get("HF_HUB_CACHE") or os.path.join(
        os.environ.get("HF_HOME") or os.path.expanduser("~/.cache/huggingface"), "hub"
    )
    repository: str | None = model
    if provider == "fastembed" and not given.is_dir():
        from pgdex.indexer.embedding.fastembed import hub_repository

        hub = os.environ.get("FASTEMBED_CACHE_PATH") or hub
        repository = hub_repository(model)
    cached = Path(hub, "models--" + repository.replace("/", "--")) if repository else given
    return next((folder for folder in (given, cached) if folder.is_dir()), None)


def database_size(connection: "Connection", *, where: str) -> DatabaseSize:
    """What the database says of itself. Reads the sizes of files, and a row for each version of a source file."""
    row = connection.execute(DATABASE).fetchone()
    assert row is not None
    repositories = connection.execute(REPOSITORIES).fetchall()
    return DatabaseSize(where, int(row[0]), int(row[1]), tuple(RepositorySize(*one) for one in repositories))
