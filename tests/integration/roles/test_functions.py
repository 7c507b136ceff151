"""The roles and the functions: who may call which, and that nothing which is passed to them is run."""

import re

import psycopg
import pytest

from pgdex.jobs.database.connection import Connection
from pgdex.migrations.repeatable import apply_repeatable
from tests.integration.roles.members import CLIENT, DENIED, NO_ROLE, READER, ROLES, WORKER, logged_in
from tests.support.job_checks import refused, value
from tests.support.sql_worker import SqlWorker, enqueue, tree

READER_CALLS = {
    *("duration_text", "thousands", "job_eta_seconds", "job_message", "job_percentage", "job_phase", "job_rate"),
    *("recent_weight", "embedded_in_flight"),
    *("worker_lock_class", "search_lexical", "search_definitions", "search_paths", "search_vectors"),
    "search_by_signatures",
    *("vector_index_name", "signature_table_name", "signature_expression"),
    *(
        "matching_versions",
        "version_condition",
        "view_scope",
        "term_frequencies",
        "chunk_table",
        "chunk_count",
        "reads_every_chunk",
    ),
    *("jobs_before", "jobs_before_text", "waiting_projects", "free_admissions"),
    *("chunk_bytes", "repository_sizes", "removal_effect"),
    *("setting", "max_concurrent_jobs", "is_live", "normalized_path", "names_repository", "broad_folder"),
    "view_location",
}
CLIENT_CALLS = {
    *("enqueue_job", "cancel_job", "cancel_job_with_message", "retry_job", "rename_repository", "rename_view"),
    *("remove_repository", "remove_view", "remove_portion", "schedule_view", "unschedule_view"),
}
NOBODY_CALLS = {
    "share_chunk_grants",
    *("build_signatures", "drop_signatures", "signatures_are_kept"),
    "checked_name",
    "procrastinate_retry_job_v1",
    "procrastinate_retry_job_v2",
}


def calls(connection: Connection) -> list[tuple[str, str]]:
    """Name and a call with nulls of every function that is not a trigger's."""
    with connection.transaction(force_rollback=True):
        connection.execute("set search_path = ''")  # so that types are written with their schemas
        return connection.execute(
            "select p.proname, format('select pgdex.%I(%s)', p.proname, ("
            "  select string_agg('null::' || t::regtype, ', ' order by n)"
            "  from unnest(p.proargtypes::oid[]) with ordinality as u (t, n)))"
            " from pg_proc p where p.pronamespace = 'pgdex'::regnamespace and p.prorettype <> 'trigger'::regtype"
        ).fetchall()


@pytest.mark.parametrize("role", [NO_ROLE, *ROLES])
def test_each_role_calls_its_functions_and_no_other(connection: Connection, database_url: str, role: str) -> None:
    with logged_in(database_url, role) as member:
        for name, call in calls(connection):
            allowed = (
                (role in ROLES and name in READER_CALLS)
                or (role in (CLIENT, WORKER) and name in CLIENT_CALLS)
                or (role == WORKER and name not in NOBODY_CALLS)
            )
            try:
                member.execute(call.encode())
            except psycopg.Error as error:
                denied = error.sqlstate == DENIED
            else:
                denied = False
            assert denied is not allowed, f"{role}: {name}"


def test_who_may_use_the_schema_may_still_call_nothing(connection: Connection, database_url: str) -> None:
    """EXECUTE is granted to everyone where nobody takes it away, and two functions run with their owner's rights."""
    with logged_in(database_url, NO_ROLE) as nobody:
        connection.execute(f"grant usage on schema pgdex to {nobody.info.user}")
        for _, call in calls(connection):
            with refused(DENIED, saying="permission denied for function"):
                nobody.execute(call.encode())


def test_functions_with_their_owners_rights_name_their_schemas(connection: Connection) -> None:
    rows = connection.execute(
        "select proname, array_to_string(proconfig, ' ') from pg_proc"
        " where pronamespace = 'pgdex'::regnamespace and prosecdef order by 1"
    ).fetchall()
    path = "search_path=pg_catalog, pgdex, pg_temp"
    assert {name for name, _ in rows} == {
        *("analyze_queue", "build_indexes", "build_vector_index", "cancel_job", "drop_vector_indexes", "enqueue_job"),
        *("ensure_chunk_partition", "set_setting", "drop_unwanted_vector_indexes", "vector_index_failed"),
        *("remove_repository", "remove_portion", "remove_view", "join_family"),
        *("rename_repository", "rename_view", "retry_job", "schedule_view", "unschedule_view", "follow_submodules"),
        "keep_signatures",
    }
    # The first of a function's settings; some have one beside it.
    assert {re.split(r" (?=\w+=)", configuration)[0] for _, configuration in rows} == {path}
    # Nobody else's function looks into other schemas either.
    others = connection.execute(
        "select proname from pg_proc where pronamespace = 'pgdex'::regnamespace and proname not like 'procrastinate%%'"
        " and array_to_string(proconfig, ' ') not in (%s, '')",
        [path],
    ).fetchall()
    assert {row[0] for row in others} == {
        *("build_indexes", "build_vector_index", "drop_vector_indexes", "ensure_chunk_partition", "remove_portion"),
        *("enqueue_job", "admit_jobs", "rename_repository", "rename_view", "search_lexical"),
        *("store_versions", "set_view_files", "note_blob_ids", "mark_unused_versions"),
    }


def test_what_lies_in_other_schemas_is_never_run_with_the_owners_rights(
    connection: Connection, database_url: str
) -> None:
    """A member with objects of the names and types that the functions use, wherever it may make some."""
    worker = SqlWorker(connection)
    enqueue(connection, "/indexed")
    worker.work_all(tree(3))
    connection.execute("select pgdex.ensure_chunk_partition(1, 3, 0)")
    connection.execute("update pgdex.chunks set embedding = '[1, 2, 3, 4]', model_id = 1")
    connection.execute("create schema extensions; alter extension vector set schema extensions")
    with connection.transaction():
        apply_repeatable(connection)  # they name pgvector's schema
    connection.execute("grant usage on schema extensions to public")
    connection.execute("create table public.caught (who text); grant all on public.caught to public")
    connection.execute("grant create on schema public to public")
    catching = "language plpgsql as $$ begin insert into public.caught values (current_user); return {}; end $$"
    with logged_in(database_url, WORKER) as member:
        member.execute("set search_path = public, pgdex")
        for function in (
            f"jsonb_build_object(text, uuid, text, integer) returns jsonb {catching.format('$1::jsonb')}",
            f"hashtext(unknown) returns integer {catching.format('1')}",
            f"hashtext(varchar) returns integer {catching.format('1')}",
            f"array_append(bigint[], bigint) returns bigint[] {catching.format('$1')}",
            f"concat(text, bigint) returns text {catching.format('$1')}",
            f"procrastinate_defer_jobs_v1(pgdex.procrastinate_job_to_defer_v1[]) returns bigint[]"
            f" {catching.format('array[1]')}",
            f"format(text, text) returns text {catching.format('$1')}",
            f"format(text, text, text) returns text {catching.format('$1')}",
            f"to_regclass(varchar) returns regclass {catching.format('null')}",
        ):
            member.execute(f"create function public.{function}".replace("unknown", "name").encode())
        member.execute("create operator public.|| (leftarg = text, rightarg = bigint, function = public.concat)")
        member.execute("create type public.halfvec as (x int)")
        for sequence in ("create temporary sequence chunks_r1_hnsw_m1", "create temporary table chunks_r1 (x int)"):
            member.execute(sequence.encode())
        member.execute("create temporary table indexing_jobs (like pgdex.indexing_jobs)")
        for table in ("repositories", "views", "versions", "view_files"):
            member.execute(f"create temporary table {table} (like pgdex.{table})")
        job_id = value(member, "select pgdex.enqueue_job('/repo')")
        member.execute("select pgdex.ensure_chunk_partition(2)")
        member.execute("select pgdex.build_indexes(1, 0)")
        assert value(member, "select pgdex.build_vector_index(1, 0, true)") is True
        assert value(connection, "select count(*) from pg_indexes where indexname = 'chunks_r1_hnsw_m1'") == 1
        member.execute("select pgdex.set_setting('max_concurrent_jobs', '4')")
        member.execute("select pgdex.cancel_job(%s)", [job_id])
        assert value(connection, "select status from pgdex.indexing_jobs where id = %s", job_id) == "cancelled"
        assert connection.execute("select distinct who from public.caught").fetchall() == []
        member.execute("drop owned by current_user")


@pytest.mark.parametrize(
    "text", ["/x'); drop table pgdex.versions cascade; --", '/x"; select 1', "/%I%s$1", "/x\\'; --", "/$$ x $$"]
)
def test_what_a_client_passes_is_never_sql(connection: Connection, database_url: str, text: str) -> None:
    with logged_in(database_url, CLIENT) as client:
        arguments = {"path": text, "name": text, "embedder": text}
        client.execute("select pgdex.enqueue_job(%(path)s, name => %(name)s, embedder => %(embedder)s)", arguments)
        with refused("PX005", saying="project must be"):
            client.execute("select pgdex.enqueue_job('/repo', project => %s)", [text])
        assert client.execute("select root, name from pgdex.views").fetchall() == [(text, text)]
        assert client.execute("select name from pgdex.repositories").fetchall() == [(text,)]
        for query in (
            "search_lexical(array[1::bigint], '{1}', '{2}', null, null, null, array[%s], 5)",
            "search_definitions(array[1::bigint], '{1}', '{2}', null, null, array[%s], 5)",
            "search_paths(array[1::bigint], %s, null, 5)",
            "search_vectors(array[1::bigint], 1::smallint, 4, %s, null, null, null, array[%s], 5)",
            "matching_versions(array[1::bigint], null, null, %s)",
        ):
            assert client.execute(f"select * from pgdex.{query}".encode(), [text] * query.count("%s")).fetchall() == []
    assert value(connection, "select count(*) from pgdex.versions") == 0


def test_search_runs_nothing_that_a_reader_passes(connection: Connection, database_url: str) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work_all(tree(3))
    with logged_in(database_url, READER) as reader:
        text = "x'); drop table pgdex.versions cascade; --"
        for call in (
            "search_lexical(array[1::bigint], '{1}', '{2}', null, null, null, array[%s], 5)",
            "search_definitions(array[1::bigint], '{1}', '{2}', null, null, array[%s], 5)",
            "search_paths(array[1::bigint], %s, null, 5)",
            "search_vectors(array[1::bigint], 1::smallint, 4, '[1, 2, 3, 4]', null, null, null, array[%s], 5)",
            "matching_versions(array[1::bigint], null, null, %s)",
        ):
            assert reader.execute(f"select * from pgdex.{call}".encode(), [text]).fetchall() == []
        with refused("22P02"):
            reader.execute(
                "select * from pgdex.search_vectors(array[1::bigint], 1::smallint, 4, %s, null, null, null, null, 5)",
                [text],
            ).fetchall()
    assert value(connection, "select count(*) from pgdex.versions") == 3


def test_a_worker_makes_partitions_of_repositories_that_exist_only(database_url: str) -> None:
    with logged_in(database_url, WORKER) as worker, refused("PX005", saying="there is no repository 99"):
        worker.execute("select pgdex.ensure_chunk_partition(99)")
