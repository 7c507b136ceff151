"""The roles and the tables: what their members may read and write, by doing it, and what not."""

import pytest

from pgdex.jobs.database.connection import Connection
from tests.integration.roles.members import CLIENT, DENIED, NO_ROLE, READER, ROLES, WORKER, logged_in
from tests.support.job_checks import job_in, refused
from tests.support.sql_worker import enqueue

# What each role may do with each table, beside what the role below it may; columns where it is only some.
WRITES: dict[str, dict[str, str]] = {
    "cluster_duties": {"update": "counter"},
    "chunks": {"insert": "", "delete": ""},
    "embedder_budgets": {"insert": "", "update": ""},
    "embedding_models": {"insert": "", "update": "name"},
    "indexing_jobs": {"update": "", "delete": ""},
    "job_batches": {"insert": "", "update": ""},
    "job_events": {"insert": ""},
    "kept_embeddings": {"insert": "", "delete": ""},
    "procrastinate_events": {"insert": ""},
    "procrastinate_jobs": {"insert": "", "delete": "", "update": "abort_requested, attempts, status, worker_id"},
    "procrastinate_periodic_defers": {"insert": "", "delete": "", "update": "job_id"},
    "procrastinate_workers": {"insert": "", "delete": "", "update": "last_heartbeat"},
    "projects": {"insert": "", "update": "turn"},
    "repositories": {"update": "chunks, embedding_dimension, embedding_model, has_older_vectors, model_id, swept_at"},
    "schedules": {"update": "error, failures, last_at, last_job_id, next_at"},
    "versions": {"insert": "", "update": "", "delete": ""},
    "view_files": {"insert": "", "update": "", "delete": ""},
    "views": {"update": "chunks, is_default, last_indexed_at, last_job_id, missing_since, witness"},
    "workers": {"insert": "", "update": "beat, beat_at, session_lock"},
}
READS = {
    READER: {
        *("projects", "repositories", "views", "view_files", "versions", "chunks", "embedding_models"),
        *("indexing_jobs", "files", "views_status"),
        *("job_batches", "job_events", "workers", "settings", "job_status", "worker_status", "skipped_files"),
        *("vector_index_builds", "repositories_status", "schedules", "submodules"),
    },
    WORKER: {
        *("cluster_duties", "embedder_budgets", "kept_embeddings"),
        *("procrastinate_jobs", "procrastinate_workers", "procrastinate_periodic_defers"),
    },
}
SHARED = {f"chunks_s{number:02}" for number in range(32)}  # with the rights of chunks
VIEWS = {"job_status", "repositories_status", "views_status", "files", "worker_status", "skipped_files"}
TABLES = sorted({*WRITES, *READS[READER], "alembic_version"} - VIEWS)
COLUMN = {
    "alembic_version": "version_num",
    "cluster_duties": "name",
    "job_batches": "state",
    "job_events": "event_type",
    "kept_embeddings": "embedding",
    "embedder_budgets": "requests",
    "procrastinate_jobs": "queue_name",
    "procrastinate_workers": "id",
    "schedules": "expression",
    "submodules": "path",
    "repositories": "name",
    "settings": "value",
    "workers": "hostname",
    "vector_index_builds": "failures",
    "embedding_models": "dimension",
    "indexing_jobs": "status",
    "versions": "path",
    "view_files": "path",
    "views": "root",
    "chunks": "content",
}


def roles_up_to(role: str) -> tuple[str, ...]:
    """The role and those that it includes."""
    return ROLES[: ROLES.index(role) + 1] if role in ROLES else ()


def may(role: str, table: str, action: str) -> bool:
    """Whether the role may do that with some column of the table."""
    return role == WORKER and action in WRITES.get(table, {})


def statement(table: str, action: str) -> str:
    """Changes nothing, where it is allowed."""
    if action == "insert":
        return f"insert into pgdex.{table} default values"
    if action == "update":
        return f"update pgdex.{table} set {COLUMN.get(table, 'id')} = default where false"
    return f"truncate pgdex.{table} cascade" if action == "truncate" else f"delete from pgdex.{table} where false"


@pytest.mark.parametrize("role", [NO_ROLE, *ROLES])
def test_no_role_writes_where_it_need_not(connection: Connection, database_url: str, role: str) -> None:
    job_in(connection, "running")
    with logged_in(database_url, role) as member:
        for table in TABLES:
            for action in ("insert", "update", "delete", "truncate"):
                columns = WRITES.get(table, {}).get(action)
                if not may(role, table, action) or (columns and COLUMN.get(table, "id") not in columns.split(", ")):
                    with refused(DENIED, saying="permission denied"):
                        member.execute(statement(table, action))


@pytest.mark.parametrize("role", [NO_ROLE, *ROLES])
def test_each_role_reads_what_it_needs_and_no_more(connection: Connection, database_url: str, role: str) -> None:
    readable = set().union(*(READS.get(included, set()) for included in roles_up_to(role)))
    with logged_in(database_url, role) as member:
        for table in {*TABLES, *READS[READER]}:
            if table in readable:
                member.execute(f"select * from pgdex.{table} limit 1")
            else:
                with refused(DENIED):
                    member.execute(f"select * from pgdex.{table} limit 1")


def test_the_tables_that_are_tested_are_all_that_there_are(connection: Connection) -> None:
    found = connection.execute("select tablename from pg_tables where schemaname = 'pgdex' order by 1").fetchall()
    assert [row[0] for row in found if row[0] not in SHARED] == TABLES
    assert {row[0] for row in found} >= SHARED


def test_the_grants_on_tables_are_exactly_these(connection: Connection) -> None:
    rows = connection.execute(
        "select c.relname, acl.grantee::regrole::text, lower(acl.privilege_type),"
        "  '' from pg_class c, aclexplode(c.relacl) as acl"
        " where c.relnamespace = 'pgdex'::regnamespace and acl.grantee <> c.relowner and c.relkind <> 'S'"
        " union all select c.relname, acl.grantee::regrole::text, lower(acl.privilege_type),"
        "  string_agg(a.attname, ', ' order by a.attname)"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) as acl"
        " where c.relnamespace = 'pgdex'::regnamespace and acl.grantee <> c.relowner group by 1, 2, 3"
    ).fetchall()
    wanted = {(table, WORKER, action, columns) for table, of in WRITES.items() for action, columns in of.items()}
    wanted |= {(table, role, "select", "") for role, tables in READS.items() for table in tables}
    assert {row for row in rows if row[0] not in SHARED} == wanted
    assert {row for row in rows if row[0] in SHARED} == {
        (table, *right) for table in SHARED for name, *right in wanted if name == "chunks"
    }


@pytest.mark.parametrize("role", [NO_ROLE, *ROLES])
@pytest.mark.parametrize(
    "statement",
    [
        "create table pgdex.mine (id int)",
        "create view pgdex.mine as select 1",
        "create function pgdex.mine() returns int language sql as 'select 1'",
        "create or replace function pgdex.setting(p_name text, p_default text) returns text language sql as 'select 1'",
        "drop table pgdex.chunks_r1",
        "drop function pgdex.cancel_job",
        "drop schema pgdex cascade",
        "alter table pgdex.indexing_jobs add column extra int",
        "alter table pgdex.indexing_jobs disable trigger all",
        "alter table pgdex.chunks_r1 no inherit pgdex.chunks",
        "alter function pgdex.cancel_job security invoker",
        "create index on pgdex.versions (size)",
        "create trigger mine before insert on pgdex.versions execute function suppress_redundant_updates_trigger()",
        "truncate pgdex.chunks_r1",
        "copy pgdex.settings from stdin",
        "set session_replication_role = replica",
        "grant pgdex_worker to current_user with admin option",
        "alter role pgdex_reader login",
        "drop role pgdex_reader",
        "create role another_one",
        "set role pg_monitor",
    ],
)
def test_no_role_changes_what_there_is(connection: Connection, database_url: str, role: str, statement: str) -> None:
    enqueue(connection)
    connection.execute("select pgdex.ensure_chunk_partition(1, 1000000)")
    with logged_in(database_url, role) as member, refused(DENIED):
        if statement.startswith("copy"):
            with member.cursor().copy(statement.encode()):
                pass
        else:
            member.execute(statement.encode())


def test_grants_to_a_role_cannot_be_passed_on(connection: Connection, database_url: str) -> None:
    """PostgreSQL only warns of a grant that is none."""
    with logged_in(database_url, WORKER) as member:
        member.execute("grant delete on pgdex.view_files to public")
        member.execute("grant execute on function pgdex.cancel_job to public")
    with logged_in(database_url, NO_ROLE) as nobody:
        for query in ("delete from pgdex.view_files", "select pgdex.cancel_job(gen_random_uuid())"):
            with refused(DENIED):
                nobody.execute(query.encode())


@pytest.mark.parametrize("role", [READER, CLIENT])
def test_the_rules_of_a_jobs_life_hold_for_a_worker_and_nobody_else_gets_that_far(
    connection: Connection, database_url: str, role: str
) -> None:
    job_id = job_in(connection, "completed")
    change = "update pgdex.indexing_jobs set status = 'running' where id = %s"
    with logged_in(database_url, WORKER) as worker, refused("PX002", saying="already completed"):
        worker.execute(change, [job_id])
    with logged_in(database_url, role) as member, refused(DENIED):
        member.execute(change, [job_id])
