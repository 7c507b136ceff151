"""Which schema a database has, and which of two is the newer one.

A version is written `REVISION-RELEASE-DIGEST`: the newest Alembic revision, the release of pgdex that applied the
repeatable migrations, and a digest of these (the folder `sql`). A database that was taken back to a revision has that
revision alone: its functions are gone until the pgdex of that revision applies its own.

A revision is called by its number and a name, `0001_tables`, and numbers have an order. Before the first release there
were other revisions: `0001` to `0013`, whose names were numbers alone, `0001_initial`, which knew no views, and
`0001_views`, under which five sets of tables were made one after the other. Nothing leads from them to those of today.
"""

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import psycopg

from pgdex.migrations.repeatable import fingerprint

RELEASE = "0.1.0"
"""Of this code; beside an older checkout on PYTHONPATH, the installed package's metadata would tell of another."""


UNRELEASED_REVISIONS = frozenset(("0001_initial", "0001_views", *(f"{number:04}" for number in range(1, 14))))


class Order(Enum):
    """How a database's version stands to the one that this code works with."""

    CURRENT = auto()
    OLDER = auto()
    NEWER = auto()
    TAKEN_BACK = auto()
    """To an earlier revision, by `pgdex db downgrade`: whoever did that wants another pgdex here, not an upgrade."""
    OTHER_BUILD = auto()
    """The same revision and release with other functions: two checkouts in development. Neither is the newer one."""
    UNRELEASED = auto()
    """Made by a pgdex from before the first release: its tables can't be upgraded, only dropped."""


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """A version, taken apart. `release` and `digest` are None where the database has none of pgdex's functions."""

    revision: str
    release: str | None
    digest: str | None

    def __str__(self) -> str:
        return "-".join(part for part in (self.revision, self.release, self.digest) if part)

    @classmethod
    def parsed(cls, text: str) -> "SchemaVersion":
        """Never fails: what a newer pgdex may write is nothing that this one knows."""
        revision, *rest = text.split("-")
        digest = rest.pop() if rest else None
        return cls(revision, "-".join(rest) or None, digest)

    def order(self) -> Order:
        """How this version, a database's, stands to the one of this code."""
        mine = expected()
        if self == mine:
            return Order.CURRENT
        if self.revision in UNRELEASED_REVISIONS:
            return Order.UNRELEASED
        if self.revision != mine.revision:
            return self._order_of_revisions(mine)
        if not self.digest:
            return Order.OLDER
        here, there = release_key(RELEASE), release_key(self.release or "")
        if here == there:
            return Order.OTHER_BUILD
        return Order.NEWER if there > here else Order.OLDER

    def _order_of_revisions(self, mine: "SchemaVersion") -> Order:
        here, there = revision_number(mine.revision), revision_number(self.revision)
        if here is None or there is None or there >= here:  # what has the same number is of another branch
            return Order.NEWER
        return Order.OLDER if self.digest else Order.TAKEN_BACK


def revision_number(revision: str) -> int | None:
    """The number that a revision's name begins with; None for what is no name of a revision."""
    found = re.fullmatch(r"(\d{4})(_\w+)?", revision, re.ASCII)
    return int(found[1]) if found else None


def release_key(release: str) -> tuple[int, ...]:
    """Sorts releases: "0.2.0rc1" before "0.2.0" before "0.10.0". Without a release, before all of them."""
    numbers, _, rest = release.partition("+")[0].partition("rc")
    found = [int(number) for number in re.findall(r"\d+", numbers)]
    if not found:
        return ()
    return (*[*found, 0, 0][:3], int(rest) if rest.isdecimal() else 1_000_000)


@cache
def expected() -> SchemaVersion:
    """The version that this code installs and works with."""
    return SchemaVersion(max(revisions()), RELEASE, fingerprint())


def scripts() -> Traversable:
    """The folder of Alembic's scripts: `env.py`, and the revisions in `versions`."""
    return files("pgdex.migrations")


@cache
def revisions() -> tuple[str, ...]:
    """Every revision that this code knows, oldest first. A revision is called as its file."""
    names = [entry.name.removesuffix(".py") for entry in (scripts() / "versions").iterdir()]
    return tuple(sorted(name for name in names if re.fullmatch(r"\d{4}_\w+", name)))


def installed(connection: psycopg.Connection[Any]) -> SchemaVersion | None:
    """The version that the database has, None where pgdex was never put into it."""
    row = None
    try:
        with _kept_whole(connection):
            if not _surely_lacks_settings(connection):
                row = connection.execute("select value from pgdex.settings where name = 'schema_version'").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        pass
    if row:
        return SchemaVersion.parsed(str(row[0]))
    unreleased = UNRELEASED_REVISIONS.intersection(_noted_by_alembic(connection))
    return SchemaVersion(max(unreleased), None, None) if unreleased else None


def _surely_lacks_settings(connection: psycopg.Connection[Any]) -> bool:
    """Asked of a server on this machine alone: the embedded one logs into PGDEX_HOME, where the first lines would be
    errors of a table that is not there yet. Here that takes 0.05 ms; over a network it may take much longer."""
    if not connection.info.host.startswith("/"):
        return False
    row = connection.execute("select to_regclass('pgdex.settings') is null").fetchone()
    return row is not None and bool(row[0])


def _kept_whole(connection: psycopg.Connection[Any]) -> AbstractContextManager[object]:
    """An error inside leaves the transaction usable, where there is one."""
    if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE and connection.autocommit:
        return nullcontext()
    return connection.transaction()


def note_installed(connection: psycopg.Connection[Any], version: SchemaVersion) -> None:
    """Say in the database which version it has now; in the transaction that made it so."""
    connection.execute(
        "insert into pgdex.settings (name, value) values ('schema_version', %s)"
        " on conflict (name) do update set value = excluded.value where settings.value <> excluded.value",
        [str(version)],
    )


def unknown_revisions(connection: psycopg.Connection[Any]) -> list[str]:
    """Those that Alembic noted in the database and this code does not know: of a newer one, or of an unreleased one."""
    return [name for name in _noted_by_alembic(connection) if name not in revisions()]


def _noted_by_alembic(connection: psycopg.Connection[Any]) -> list[str]:
    """Only the owner may read its table: for others, and where there is none, nothing."""
    may_read = "select has_table_privilege(to_regclass('pgdex.alembic_version'), 'select') is true"
    row = connection.execute(may_read).fetchone()
    if row is None or not row[0]:
        return []
    return [str(name) for (name,) in connection.execute("select version_num from pgdex.alembic_version").fetchall()]
