"""Changing the schema under everyone's feet: workers end before, nobody's open transaction hangs it, and it is whole
or not at all."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import as_file
from typing import TYPE_CHECKING, Any

import psycopg

from pgdex.jobs.database.connection import Connection, connect, describe
from pgdex.jobs.database.outages import refusal_message
from pgdex.jobs.database.sessions import UPGRADE, keep_settings
from pgdex.jobs.errors import DatabaseUnavailable, InvalidRequest, SchemaInUse
from pgdex.jobs.settings import Settings
from pgdex.migrations import version

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine

LOOK_SECONDS = 1.0  # a worker whose server's clock was set looks dead until its next heartbeat, half a second
WORKERS_END_SECONDS = 20.0  # a worker that is told to stop needs up to 5 to put its batches back
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
PATIENCE_WITH_AN_UPGRADE_SECONDS = 600.0
LOCK_STATES = {"55P03", "40P01"}  # not available in time; deadlock
# The owner alone can lock that table. Before it exists, there is nobody yet whom it would be kept from.
UPGRADE_LOCK = "lock table pgdex.alembic_version in share row exclusive mode"
FIRST_UPGRADE_LOCK = "select pg_advisory_xact_lock(hashtext('pgdex.upgrade'))"
IS_UPGRADED = "select to_regclass('pgdex.alembic_version') is not null"
BLOCKERS = """
    select a.pid, a.application_name, a.usename, a.state,
        greatest(0, extract(epoch from clock_timestamp() - a.xact_start))::float8
    from unnest(pg_blocking_pids(%s)) as b (pid) join pg_stat_activity a on a.pid = b.pid
"""
# A transaction's locks are the upgrade's own affair; a row tells the workers, as long as its session lives.
ANNOUNCE = """
    insert into pgdex.settings (name, value) values ('upgrade_session', pg_backend_pid()::text)
    on conflict (name) do update set value = excluded.value
"""
WITHDRAW = "delete from pgdex.settings where name = 'upgrade_session' and value = pg_backend_pid()::text"
ANY_WORKER = "select exists (select from pgdex.procrastinate_workers)"
LIVING_WORKERS = "select format('worker %s on %s, process %s', id, hostname, pid) from pgdex.worker_status where alive"
SERVERS = """
    select distinct format('%s, session %s', application_name, pid) from pg_stat_activity
    where datname = current_database() and application_name = 'pgdex mcp'
"""

logger = logging.getLogger("pgdex.schema")


@dataclass(frozen=True, slots=True)
class Steps:
    """What may be done inside the transaction of a change of schema."""

    connection: psycopg.Connection[Any]
    _config: "Config"

    def upgrade(self) -> None:
        """To the newest revision, and all repeatable migrations again."""
        from alembic import command

        from pgdex.migrations.repeatable import apply_repeatable

        command.upgrade(self._config, "head")
        if not self._config.attributes.get("repeatable_applied"):
            apply_repeatable(self.connection)
            version.note_installed(self.connection, version.expected())

    def downgrade(self, revision: str) -> None:
        """To a revision that is not after the present one."""
        from alembic import command

        command.downgrade(self._config, revision)


def migrate(settings: Settings, control: Connection, change: Callable[[Steps], None]) -> None:
    """Run `change` in one transaction, alone, and again where a lock was not to be had in time.

    `control` is another session of ours, which looks on. Raises SchemaInUse with those who hold the lock,
    DatabaseUnavailable, and what `change` raises.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError

    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: _session_for(settings),
    )
    started = time.monotonic()
    try:
        while True:
            watch = LockWatch(control)
            try:
                with watch:
                    _once(engine, watch, change)
            except (DBAPIError, psycopg.Error, RuntimeError) as error:
                cause = error.orig if isinstance(error, DBAPIError) else error
                if getattr(cause, "sqlstate", None) not in LOCK_STATES:
                    reason = (refusal_message(cause) if cause else None) or cause
                    raise DatabaseUnavailable(f"{describe(settings)} could not be changed: {reason}") from error
                if time.monotonic() - started > watch.patience_seconds:
                    raise SchemaInUse(_held(settings, watch)) from error
            else:
                return
            logger.warning("waiting to change the schema: %s", watch.who or "a lock is held")
            time.sleep(PAUSE_SECONDS)
    finally:
        engine.dispose()


def _once(engine: "Engine", watch: "LockWatch", change: Callable[[Steps], None]) -> None:
    from alembic.config import Config

    from pgdex.migrations.repeatable import driver_connection

    config = Config()
    with as_file(version.scripts()) as folder, engine.begin() as transaction:
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = transaction
        raw = driver_connection(transaction)
        watch.follow(raw.info.backend_pid)
        keep_settings(raw)
        if not _truth(raw, IS_UPGRADED):
            raw.execute(FIRST_UPGRADE_LOCK)
        if _truth(raw, IS_UPGRADED):  # by whom we waited for, perhaps
            raw.execute(UPGRADE_LOCK)
        change(Steps(raw, config))


def _session_for(settings: Settings) -> Connection:
    connection = connect(settings, application="pgdex upgrade", limits=UPGRADE)
    connection.autocommit = False
    return connection


class LockWatch:
    """Looks, on a session of its own and in a thread, who keeps another session waiting."""

    def __init__(self, control: Connection) -> None:
        self._control = control
        self._pid: int | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="lock watch", daemon=True)
        self._seen: list[tuple[Any, ...]] = []

    def __enter__(self) -> "LockWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def follow(self, pid: int) -> None:
        """The session to look at."""
        self._pid = pid

    @property
    def who(self) -> str:
        """Those who were last seen to hold what was waited for, in words."""
        return "; ".join(_session(row) for row in self._seen)

    @property
    def pids(self) -> list[int]:
        """Their backends."""
        return [row[0] for row in self._seen]

    @property
    def patience_seconds(self) -> float:
        """How long to try: another upgrade ends without help."""
        others_upgrade = bool(self._seen) and all(row[1] == "pgdex upgrade" for row in self._seen)
        return PATIENCE_WITH_AN_UPGRADE_SECONDS if others_upgrade else PATIENCE_SECONDS

    def _look(self) -> None:
        with suppress(psycopg.Error):
            while not self._over.wait(0.2):
                rows = self._control.execute(BLOCKERS, [self._pid]).fetchall() if self._pid else []
                self._seen = rows or self._seen


def _session(row: tuple[Any, ...]) -> str:
    pid, application, login, state, seconds = row
    since = f", for {seconds:.0f} s" if seconds is not None else ""
    return (
        f"session {pid} of {login or 'nobody'} ({application or 'without a name'}, {state or 'state unknown'}{since})"
    )


def _held(settings: Settings, watch: LockWatch) -> str:
    advice = "End it" if len(watch.pids) < 2 else "End them"
    call = f" (select pg_terminate_backend({watch.pids[0]});)" if len(watch.pids) == 1 else ""
    return (
        f"the schema in {describe(settings)} can't be changed, because a lock on it is held by "
        f"{watch.who or 'someone who has just released it'}. Nothing was changed. {advice}{call} and try again"
    )


# Those who work with it


def users_of(connection: Connection) -> list[str]:
    """The living workers and MCP servers, in words."""
    return _living_workers(connection) + [str(row[0]) for row in connection.execute(SERVERS).fetchall()]


def _living_workers(connection: Connection) -> list[str]:
    try:
        return [str(row[0]) for row in connection.execute(LIVING_WORKERS).fetchall()]
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):  # no worker can work with that schema
        return []


def require_no_users(connection: Connection, settings: Settings, *, force: bool) -> None:
    """Raise SchemaInUse where workers or MCP servers work with the schema, unless `force` says that they are to end."""
    users = users_of(connection)
    if users and not force:
        raise SchemaInUse(
            f"{describe(settings)} is in use: {'; '.join(users)}. Stop them first, or ask workers to stop after their "
            "batch with --force"
        )


@contextmanager
def without_workers(control: Connection, settings: Settings, *, force: bool, without_waiting: str) -> Iterator[None]:
    """Ask the workers to end after their batch, and let none begin, as long as the block runs.

    Raises SchemaInUse where some are still there after WORKERS_END_SECONDS, unless `force` says to go on.
    `without_waiting` is the command that does so.
    """
    try:
        anybody = _truth(control, ANY_WORKER)
        if anybody:
            control.execute(ANNOUNCE)
    except psycopg.errors.UndefinedTable:
        anybody = False
    if not anybody:
        yield
        return
    try:
        left = _wait_for_workers(control)
        if left and not force:
            raise SchemaInUse(
                f"the schema in {describe(settings)} was not changed: workers still run {WORKERS_END_SECONDS:.0f} s "
                f"after they were asked to end: {'; '.join(left)}. Stop them, or continue without "
                f"waiting: {without_waiting}"
            )
        yield
    finally:
        with suppress(psycopg.Error):  # the row counts for nothing without this session
            control.execute(WITHDRAW)


def _wait_for_workers(control: Connection) -> list[str]:
    """Wait until no worker lives, or WORKERS_END_SECONDS; returns those that still do, in words."""
    started = time.monotonic()
    is_told = False
    while True:
        left, waited = _living_workers(control), time.monotonic() - started
        if waited >= (WORKERS_END_SECONDS if left else LOOK_SECONDS):
            return left
        if left and not is_told:
            is_told = True
            logger.warning("waiting for workers to end after their batch")
        time.sleep(0.2)


def require_known_revision(revision: str) -> None:
    """Raise InvalidRequest for a text that is no revision of this pgdex."""
    if revision not in (*version.revisions(), "base"):
        raise InvalidRequest(
            f"there is no revision {revision}; the revisions are {', '.join(version.revisions())} and base"
        )


def _truth(connection: psycopg.Connection[Any], query: str) -> bool:
    row = connection.execute(query.encode()).fetchone()
    return bool(row and row[0])
