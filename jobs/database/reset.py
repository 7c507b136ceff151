"""Starting over: everything in the schema `pgdex` is dropped, whatever made it, and made again as it is today."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from pgdex.jobs.database.connection import Connection, describe
from pgdex.jobs.database.schema import newer_schema, owners_session
from pgdex.jobs.database.upgrading import Steps, migrate, require_no_users, without_workers
from pgdex.jobs.errors import SchemaInUse
from pgdex.jobs.settings import Settings
from pgdex.migrations import version
from pgdex.migrations.version import Order

# Columns that every version of these tables has had. Of several queries the first counts that the schema has a table
# for: chunks were counted in `files` before there were versions.
COUNTS: dict[str, tuple[LiteralString, ...]] = {
    "repositories": ("select count(*) from pgdex.repositories",),
    "chunks": (
        "select coalesce(sum(chunks), 0)::bigint from pgdex.versions",
        "select coalesce(sum(chunks), 0)::bigint from pgdex.files",
    ),
    "jobs": ("select count(*) from pgdex.indexing_jobs",),
}
# All that is in the schema itself: what belongs to one of these (indexes, triggers, identities) goes with it. Tables
# come first, since the sequence of an identity can't be dropped before its table. An extension may lie in the schema,
# and serve other schemas; it stays, and so does the schema with what is granted on it.
IN_THE_SCHEMA = """
    select o.type, o.identity
    from pg_depend d, pg_identify_object(d.classid, d.objid, 0) as o
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = to_regnamespace('pgdex') and d.deptype = 'n'
        and d.classid not in ('pg_extension'::regclass, 'pg_default_acl'::regclass)
        and not exists (
            select from pg_depend e where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e'
        )
    order by o.type <> 'table', o.type, o.identity
"""
# What depends on it and lies elsewhere: someone's view on pgdex.job_status, a foreign key to one of the tables.
BUILT_ON_IT = """
    with recursive doomed (classid, objid) as (
        select d.classid, d.objid from pg_depend d
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = to_regnamespace('pgdex') and d.deptype = 'n'
            and not exists (
                select from pg_depend e where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e'
            )
        union
        select d.classid, d.objid
        from pg_depend d join doomed on d.refclassid = doomed.classid and d.refobjid = doomed.objid
        where d.deptype <> 'e'
    ),

    -- A view depends by its rule, a default by its column: what is named is the relation.
    named (classid, objid, namespace) as (
        select 'pg_class'::regclass, c.oid, c.relnamespace
        from doomed
        join pg_class c on c.oid = coalesce(
            (select ev_class from pg_rewrite where doomed.classid = 'pg_rewrite'::regclass and oid = doomed.objid),
            (select adrelid from pg_attrdef where doomed.classid = 'pg_attrdef'::regclass and oid = doomed.objid),
            (select tgrelid from pg_trigger where doomed.classid = 'pg_trigger'::regclass and oid = doomed.objid),
            (select polrelid from pg_policy where doomed.classid = 'pg_policy'::regclass and oid = doomed.objid),
            case when doomed.classid = 'pg_class'::regclass then doomed.objid end
        )
        union all
        select doomed.classid, p.oid, p.pronamespace
        from doomed join pg_proc p on doomed.classid = 'pg_proc'::regclass and p.oid = doomed.objid
        union all
        select doomed.classid, c.oid, c.connamespace
        from doomed join pg_constraint c on doomed.classid = 'pg_constraint'::regclass and c.oid = doomed.objid
        union all
        select doomed.classid, s.oid, s.stxnamespace
        from doomed join pg_statistic_ext s on doomed.classid = 'pg_statistic_ext'::regclass and s.oid = doomed.objid
        union all
        select classid, objid, null from doomed  -- these lie in no schema
        where classid in ('pg_publication_rel'::regclass, 'pg_cast'::regclass, 'pg_event_trigger'::regclass)
    )

    select distinct pg_describe_object(classid, objid, 0) from named
    where namespace is distinct from to_regnamespace('pgdex')
        and namespace is distinct from 'pg_toast'::regnamespace
    order by 1
"""
# pg_identify_object calls it by another name than DROP does.
DROPPED_AS = {"statistics object": "statistics"}
# What the next worker is called. A worker of the schema that was dropped, suspended all the while, must not wake up
# under the number of a new one.
NEXT_WORKER = """
    select pg_sequence_last_value(pg_get_serial_sequence('pgdex.procrastinate_workers', 'id')::regclass) + 1
"""


@dataclass(frozen=True, slots=True)
class Losses:
    """What is in a database's schema. A number is None where it can't be counted: the table is missing, or another."""

    found: str | None
    """The version; None where there is no schema of pgdex."""
    repositories: int | None
    chunks: int | None
    jobs: int | None
    objects: int = field(default=0, compare=False)
    """Tables, functions and whatever else is in the schema."""

    def __str__(self) -> str:
        if self.found is None and self.objects:
            return f"{self.objects} tables, functions and other objects in it, which no version of pgdex made"
        numbers = {
            ("repository", "repositories"): self.repositories,
            ("chunk", "chunks"): self.chunks,
            ("job", "jobs"): self.jobs,
        }
        counted = [f"{n:,} {names[n != 1]}" for names, n in numbers.items() if n is not None]
        if not counted:
            return "all that is in it (which can't be read)" if self.found else "nothing (it is empty)"
        return ", ".join(counted)


def what_is_lost(settings: Settings, *, force: bool = False) -> Losses:
    """What `reset` would delete; changes nothing. Raises what `reset` raises, so that nobody is asked in vain."""
    with owners_session(settings) as control:
        _require_idle(control, settings, force=force)
        return _losses(control)


def reset(settings: Settings, *, force: bool = False) -> Losses:
    """Drop everything in the schema `pgdex` and make it again, in one transaction. Returns what was lost.

    Raises NotAllowed for a login that does not own the schema; SchemaInUse where workers or MCP servers run, where
    someone's transaction keeps a table locked, and where others have built on pgdex's tables, whose views would go
    too; SchemaAhead where a newer pgdex made it. With `force`, workers are asked to end after their batch, and a newer
    schema is dropped as well. Raises DatabaseUnavailable.
    """
    with owners_session(settings) as control:
        _require_idle(control, settings, force=force)
        losses = _losses(control)

        def over(steps: Steps) -> None:
            _require_not_newer(steps.connection, settings, force=force)  # someone may have upgraded it meanwhile
            next_worker = _next_worker(steps.connection)
            _drop_everything(steps.connection, settings)
            steps.upgrade()
            if next_worker is not None:
                restart = "alter table pgdex.procrastinate_workers alter column id restart with {}"
                steps.connection.execute(sql.SQL(restart).format(sql.Literal(next_worker)))

        with without_workers(control, settings, force=force, without_waiting="pgdex db reset --force"):
            migrate(settings, control, over)
    return losses


def _require_idle(control: Connection, settings: Settings, *, force: bool) -> None:
    _require_not_newer(control, settings, force=force)
    require_no_users(control, settings, force=force)


def _require_not_newer(connection: psycopg.Connection[Any], settings: Settings, *, force: bool) -> None:
    found = version.installed(connection)
    if found and found.order() is Order.NEWER and not force:
        raise newer_schema(settings, str(found))


def _next_worker(connection: psycopg.Connection[Any]) -> int | None:
    """The number of the next worker; None where none was ever registered."""
    there = connection.execute("select to_regclass('pgdex.procrastinate_workers') is not null").fetchone()
    row = connection.execute(NEXT_WORKER).fetchone() if there and there[0] else None
    return None if row is None or row[0] is None else int(row[0])


def _losses(control: Connection) -> Losses:
    found = version.installed(control)
    counted = {name: _count(control, queries) for name, queries in COUNTS.items()}
    objects = len(control.execute(IN_THE_SCHEMA).fetchall())
    return Losses(str(found) if found else None, **counted, objects=objects)


def _count(control: Connection, queries: Sequence[LiteralString]) -> int | None:
    for query in queries:
        try:
            row = control.execute(query).fetchone()
        # No such table or column; someone's lock on it, or too much to count in a front end's time.
        except (psycopg.ProgrammingError, psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
            continue
        return int(row[0]) if row else None
    return None


def _drop_everything(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Raises SchemaInUse where that would take something of others along."""
    others = [str(name) for (name,) in connection.execute(BUILT_ON_IT).fetchall()]
    if others:
        raise SchemaInUse(
            f"others have built on the schema in {describe(settings)}, and what they built would go with it: "
            f"{'; '.join(others)}. Nothing was changed. Drop that first"
        )
    for kind, name in connection.execute(IN_THE_SCHEMA).fetchall():
        # Both come from the catalog; the name is quoted there.
        statement = sql.SQL("drop {} if exists {} cascade")
        connection.execute(statement.format(sql.SQL(DROPPED_AS.get(kind, kind)), sql.SQL(name)))
