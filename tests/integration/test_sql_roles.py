"""The roles pgdex_reader, pgdex_client and pgdex_worker: what their members may do, by doing it, and what not."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from jobs.cli.diagnosis.roles import login_check
from jobs.client import Client
from jobs.database import Connection, connect
from jobs.errors import NotAllowed, SchemaBehind
from jobs.models import JobStatus
from jobs.roles import abilities, grant_statement
from jobs.schema import downgrade, upgrade
from tests.databases import embedded_server, new_database, settings_for, url_of
from tests.embedding_server import EmbeddingServer
from tests.job_checks import events_of, job_in, refused, value
from tests.logins import Finished, as_user, new_login, run_pgdex
from tests.sql_worker import SqlWorker, enqueue, tree
from tests.trees import python_tree
from tests.waiting import wait_for, wait_for_end
from tests.workers import workers_on

READER, CLIENT, WORKER = ROLES = ("pgdex_reader", "pgdex_client", "pgdex_worker")
NO_ROLE = "no role"
DENIED = "42501"

# What each role may do with each table, beside what the role below it may; columns where it is only some.
WRITES: dict[str, dict[str, str]] = {
    "chunks": {"insert": "", "delete": ""},
    "embedding_models": {"insert": "", "update": "name"},
    "files": {"insert": "", "update": "", "delete": ""},
    "indexing_jobs": {"update": "", "delete": ""},
    "job_batches": {"insert": "", "update": ""},
    "job_events": {"insert": ""},
    "procrastinate_events": {"insert": ""},
    "procrastinate_jobs": {"insert": "", "delete": "", "update": "abort_requested, attempts, status, worker_id"},
    "procrastinate_periodic_defers": {"update": "job_id"},
    "procrastinate_workers": {"insert": "", "delete": "", "update": "last_heartbeat"},
    "repositories": {"update": "embedding_dimension, embedding_model, last_indexed_at, last_job_id, model_id"},
    "workers": {"insert": "", "update": "session_lock"},
}
READS = {
    READER: {
        *("projects", "repositories", "files", "chunks", "embedding_models", "indexing_jobs", "job_batches"),
        *("job_events", "workers", "settings", "job_status", "worker_status", "skipped_files"),
    },
    WORKER: {"procrastinate_jobs", "procrastinate_workers"},
}
TABLES = sorted({*WRITES, *READS[READER], "alembic_version"} - {"job_status", "worker_status", "skipped_files"})
COLUMN = {
    "alembic_version": "version_num",
    "job_batches": "state",
    "job_events": "event_type",
    "procrastinate_jobs": "queue_name",
    "procrastinate_workers": "id",
    "repositories": "root",
    "settings": "value",
    "workers": "hostname",
    "embedding_models": "dimension",
    "indexing_jobs": "status",
    "files": "path",
    "chunks": "content",
}
READER_CALLS = {
    *("duration_text", "thousands", "job_eta_seconds", "job_message", "job_percentage", "job_phase", "job_rate"),
    *("worker_lock_class", "search_lexical", "search_vectors"),
}
CLIENT_CALLS = {"enqueue_job", "cancel_job"}
NOBODY_CALLS = {
    "share_chunk_grants",
    "procrastinate_defer_periodic_job_v2",
    "procrastinate_retry_job_v1",
    "procrastinate_retry_job_v2",
}


@contextmanager
def logged_in(database_url: str, role: str) -> Iterator[Connection]:
    """A connection of a new login with that role and nothing else."""
    roles = [] if role == NO_ROLE else [role]
    with new_login(database_url, *roles) as url, connect(settings_for(url)) as connection:
        yield connection


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


# Tables


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
    assert [row[0] for row in found] == TABLES


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
    wanted.add(("procrastinate_periodic_defers", WORKER, "select", "job_id"))
    assert set(rows) == wanted


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
        "alter table pgdex.chunks detach partition pgdex.chunks_r1",
        "alter function pgdex.cancel_job security invoker",
        "create index on pgdex.files (size)",
        "create trigger mine before insert on pgdex.files execute function suppress_redundant_updates_trigger()",
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
    connection.execute("select pgdex.ensure_chunk_partition(1)")
    with logged_in(database_url, role) as member, refused(DENIED):
        if statement.startswith("copy"):
            with member.cursor().copy(statement.encode()):
                pass
        else:
            member.execute(statement.encode())


def test_grants_to_a_role_cannot_be_passed_on(connection: Connection, database_url: str) -> None:
    """PostgreSQL only warns of a grant that is none."""
    with logged_in(database_url, WORKER) as member:
        member.execute("grant delete on pgdex.files to public")
        member.execute("grant execute on function pgdex.cancel_job to public")
    with logged_in(database_url, NO_ROLE) as nobody:
        for query in ("delete from pgdex.files", "select pgdex.cancel_job(gen_random_uuid())"):
            with refused(DENIED):
                nobody.execute(query.encode())


# Functions


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
    """EXECUTE is granted to everybody where nobody takes it away, and two functions run with their owner's rights."""
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
    path = "search_path=pgdex, pg_temp"
    names = ("build_indexes", "cancel_job", "enqueue_job", "ensure_chunk_partition", "set_setting")
    assert rows == [(name, path) for name in names]
    # What those call must not look into other schemas either. These are called by workers only, or read only.
    others = connection.execute(
        "select proname from pg_proc where pronamespace = 'pgdex'::regnamespace and proname not like 'procrastinate%%'"
        " and array_to_string(proconfig, ' ') not in (%s, '')",
        [path],
    ).fetchall()
    called_by_workers = {"block_job", "drop_tokens", "heal_batches", "reclaim_batches", "tick"}
    assert {row[0] for row in others} <= {*called_by_workers, "search_vectors"}


def test_what_lies_in_other_schemas_is_never_run_with_the_owners_rights(
    connection: Connection, database_url: str
) -> None:
    """A member with objects of the names and types that the functions use, wherever it may make some."""
    worker = SqlWorker(connection)
    enqueue(connection, "/indexed")
    worker.work_all(tree(3))
    connection.execute("update pgdex.chunks set embedding = '[1, 2, 3, 4]', model_id = 1")
    connection.execute("create schema extensions; alter extension vector set schema extensions")
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
        member.execute("create temporary table repositories (like pgdex.repositories)")
        job_id = value(member, "select pgdex.enqueue_job('/repo')")
        member.execute("select pgdex.ensure_chunk_partition(2)")
        member.execute("select pgdex.build_indexes(1, 0)")
        assert value(connection, "select count(*) from pg_indexes where indexname = 'chunks_r1_hnsw_m1'") == 1
        member.execute("select pgdex.set_setting('max_concurrent_jobs', '4')")
        member.execute("select pgdex.cancel_job(%s)", [job_id])
        assert value(connection, "select status from pgdex.indexing_jobs where id = %s", job_id) == "cancelled"
        assert connection.execute("select distinct who from public.caught").fetchall() == []
        member.execute("drop owned by current_user")


@pytest.mark.parametrize(
    "text", ["/x'); drop table pgdex.files; --", '/x"; select 1', "/%I%s$1", "/x\\'; --", "/$$ x $$"]
)
def test_what_a_client_passes_is_never_sql(connection: Connection, database_url: str, text: str) -> None:
    with logged_in(database_url, CLIENT) as client:
        arguments = {"path": text, "name": text, "embedder": text}
        client.execute("select pgdex.enqueue_job(%(path)s, name => %(name)s, embedder => %(embedder)s)", arguments)
        with refused("PX005", saying="project must be"):
            client.execute("select pgdex.enqueue_job('/repo', project => %s)", [text])
        assert client.execute("select root, name from pgdex.repositories").fetchall() == [(text, text)]
        for query in ("search_lexical(1, array[%s], %s, %s, 5)", "search_vectors(1, 1::smallint, 4, %s, %s, %s, 5)"):
            assert client.execute(f"select * from pgdex.{query}".encode(), [text] * 3).fetchall() == []
    assert value(connection, "select count(*) from pgdex.files") == 0


def test_search_runs_nothing_that_a_reader_passes(connection: Connection, database_url: str) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work_all(tree(3))
    with logged_in(database_url, READER) as reader:
        text = "x'); drop table pgdex.files; --"
        lexical = "select * from pgdex.search_lexical(1, array[%s], %s, %s, 5)"
        assert reader.execute(lexical, [text, None, text]).fetchall() == []
        with refused("22P02"):
            vectors = "select * from pgdex.search_vectors(1, 1::smallint, 4, %s, null, null, 5)"
            reader.execute(vectors, [text]).fetchall()
    assert value(connection, "select count(*) from pgdex.files") == 3


def test_a_worker_makes_partitions_of_repositories_that_exist_only(database_url: str) -> None:
    with logged_in(database_url, WORKER) as worker, refused("PX005", saying="there is no repository 99"):
        worker.execute("select pgdex.ensure_chunk_partition(99)")


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


# The whole program


@pytest.fixture
def urls(database_url: str) -> Iterator[dict[str, str]]:
    """The database's URL for a login of each role, and for one that has none."""
    with ExitStack() as stack:
        yield {
            role: stack.enter_context(new_login(database_url, *([] if role == NO_ROLE else [role])))
            for role in (NO_ROLE, *ROLES)
        }


def index(urls: dict[str, str], tree: Path, folder: Path, *, exact_chunks: int, jobs: int) -> JobStatus:
    """A client asks for it, and a worker's process does it."""
    with (
        workers_on(
            urls[WORKER],
            folder,
            PGDEX_EXACT_SEARCH_CHUNKS=str(exact_chunks),
            PGDEX_MAX_CONCURRENT_JOBS=str(jobs),
        ) as workers,
        Client.open(settings_for(urls[CLIENT])) as client,
    ):
        return workers.wait_for_end(client.start(tree).job_id)


def command(*arguments: str, url: str, home: Path) -> Finished:
    return run_pgdex(*arguments, home=home, PGDEX_DATABASE_URL=url)


def test_a_workers_process_does_what_a_client_asked_for_and_a_reader_finds_it(
    connection: Connection, urls: dict[str, str], tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 40)
    done = index(urls, tree, tmp_path, exact_chunks=1000, jobs=3)
    assert (done.status, done.error_message, done.files_indexed) == ("completed", None, 40)
    (tree / "package_0/module_1.py").unlink()
    (tree / "package_0/module_2.py").write_text("answer = 42\n")
    again = index(urls, tree, tmp_path, exact_chunks=10, jobs=2)
    assert (again.status, again.error_message, again.files_indexed, again.files_deleted) == ("completed", None, 1, 1)
    assert value(connection, "select count(*) from pg_indexes where indexname ~ '^chunks_r1_hnsw'") == 1
    assert value(connection, "select value from pgdex.settings where name = 'max_concurrent_jobs'") == "2"
    for table in ("procrastinate_jobs", "procrastinate_workers", "workers"):
        assert value(connection, f"select count(*) from pgdex.{table}") == 0, table

    for role in ROLES:
        found = command("search", "load_7", url=urls[role], home=tmp_path)
        assert (found.code, "module_7.py" in found.out) == (0, True), found
        for name in ("status", "list", "events", "skipped", "workers", "doctor"):
            done_command = command(name, url=urls[role], home=tmp_path)
            assert done_command.code == 0, (role, name, done_command)
        with connect(settings_for(urls[role])) as member:
            statistics = "select count(*) from pg_stats where tablename = 'chunks_r1' and attname = 'lexemes'"
            assert value(member, statistics) == 1


def test_workers_of_the_role_take_over_from_each_other(
    connection: Connection, urls: dict[str, str], tmp_path: Path
) -> None:
    holder = (
        "select w.pid from pgdex.workers w join pgdex.job_batches b on b.worker_id = w.id where b.state = 'running'"
    )
    with EmbeddingServer() as service:
        service.fail("slow", latency_ms=300)
        with workers_on(
            urls[WORKER],
            tmp_path,
            count=2,
            PGDEX_EMBEDDER="ollama:test-model",
            PGDEX_EMBEDDER_URL=service.url,
            PGDEX_BATCH_FILES="4",
        ) as workers:
            repository = python_tree(tmp_path / "repository", 24)
            job_id = enqueue(connection, str(repository), embedder="ollama:test-model")
            wait_for(lambda: value(connection, "select files_indexed from pgdex.indexing_jobs") >= 4, what="a batch")
            pid = value(connection, holder)
            workers.kill(next(process for process in workers.processes if process.pid == pid))
            with Client.open(settings_for(urls[READER])) as client:
                done = wait_for_end(client, job_id, workers=workers)
    assert (done.status, done.files_indexed, "reclaimed" in events_of(connection, job_id)) == ("completed", 24, True)


def test_a_client_has_all_commands_but_those_that_do_the_work(
    connection: Connection, urls: dict[str, str], tmp_path: Path
) -> None:
    python_tree(tmp_path / "repository", 3)
    home = tmp_path / "home"

    def run(*arguments: str) -> Finished:
        return command(*arguments, url=urls[CLIENT], home=home)

    started = run("index", str(tmp_path / "repository"), "--detach")
    assert started.code == 0, started
    job_id = started.out.strip()
    for line in (["status"], ["list"], ["events"], ["search", "load_1"], ["skipped"], ["workers"], ["doctor"]):
        finished = run(*line)
        # The doctor finds a job for which there is no worker.
        assert finished.code == (1 if line == ["doctor"] else 0), (line, finished)
    with ThreadPoolExecutor(1) as pool:
        follower = pool.submit(run, "events", job_id, "--follow")
        wait_for(
            lambda: value(connection, "select count(*) from pg_stat_activity where query = 'listen pgdex_events'"),
            what="somebody who listens",
        )
        assert run("cancel", job_id, "--yes").code == 0
        assert [word in follower.result().out for word in ("created", "cancelled")] == [True, True]

    refusal = run("worker")
    assert (refusal.code, "it needs the role pgdex_worker" in refusal.err) == (3, True), refusal
    assert not (home / "worker.log").exists(), "no workers are started who could not work"
    with workers_on(urls[CLIENT], tmp_path) as workers:
        assert workers.processes[0].wait(30) != 0
        assert "it needs the role pgdex_worker" in workers.logs()


@pytest.mark.parametrize("line", [["index", "FOLDER"], ["index", "FOLDER", "--detach"], ["cancel", "last", "--yes"]])
def test_a_reader_is_told_which_role_it_needs(
    connection: Connection, urls: dict[str, str], tmp_path: Path, line: list[str]
) -> None:
    job_id = enqueue(connection)
    folder = str(python_tree(tmp_path / "repository", 1))
    refusal = command(*[folder if word == "FOLDER" else word for word in line], url=urls[READER], home=tmp_path)
    login = psycopg.conninfo.conninfo_to_dict(urls[READER])["user"]
    assert (refusal.code, refusal.out) == (3, "")
    assert refusal.err.strip() == (
        f"Error: the login {login} may not start and cancel jobs in the database {connection.info.dbname}: it needs the"
        f" role pgdex_client, which an administrator gives it with: grant pgdex_client to {login};"
    )
    assert connection.execute("select id, status from pgdex.indexing_jobs").fetchall() == [(job_id, "pending")]


@pytest.mark.parametrize("name", ["status", "list", "search", "index", "worker", "doctor"])
def test_a_login_without_a_role_is_told_that_it_needs_one(urls: dict[str, str], tmp_path: Path, name: str) -> None:
    line = {"search": ["search", "x"], "index": ["index", str(tmp_path)]}.get(name, [name])
    refusal = command(*line, url=urls[NO_ROLE], home=tmp_path)
    said = refusal.out if name == "doctor" else refusal.err
    login = psycopg.conninfo.conninfo_to_dict(urls[NO_ROLE])["user"]
    assert refusal.code == (1 if name == "doctor" else 3)
    assert f"grant pgdex_reader to {login};" in " ".join(said.split())


@pytest.mark.parametrize(
    ("role", "finding"),
    [
        (READER, "may look at jobs and search; not start and cancel jobs (pgdex_client), do jobs (pgdex_worker)"),
        (CLIENT, "may look at jobs and search, start and cancel jobs; not do jobs (pgdex_worker)"),
        (WORKER, "may look at jobs and search, start and cancel jobs, do jobs"),
    ],
)
def test_the_doctor_says_what_the_login_may_do(urls: dict[str, str], tmp_path: Path, role: str, finding: str) -> None:
    checks = json.loads(command("doctor", "--json", url=urls[role], home=tmp_path).out)["checks"]
    login = psycopg.conninfo.conninfo_to_dict(urls[role])["user"]
    found = {check["name"]: (check["outcome"], check["finding"]) for check in checks}
    assert found["login"] == ("ok", f"{login} {finding}")


def test_the_names_of_logins_are_quoted_where_they_must_be() -> None:
    assert grant_statement(READER, "alice") == "grant pgdex_reader to alice;"
    assert grant_statement(READER, 'Al "ice"') == 'grant pgdex_reader to "Al ""ice""";'


# Making and removing them: on a server of its own, since roles belong to all databases of a server


@pytest.fixture(scope="module")
def own_server() -> str:
    """A server on which no database was upgraded before."""
    return embedded_server()


@pytest.fixture
def no_roles(own_server: str) -> Iterator[str]:
    """The server's URL, without the roles before and afterwards."""
    drop_roles(own_server)
    yield own_server
    drop_roles(own_server)


def drop_roles(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        for role in (*ROLES, "the_owner"):
            admin.execute(f"drop role if exists {role}")


def existing(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute("select rolname from pg_roles where rolname = any(%s)", [list(ROLES)])}


@contextmanager
def owned_database(server: str, *, options: str = "") -> Iterator[tuple[str, str]]:
    """A database of a login `the_owner`, who is no superuser: its URL for an administrator, and for the owner."""
    with new_database(server) as name:
        with psycopg.connect(url_of(server, name), autocommit=True) as admin:
            admin.execute(f"create role the_owner login password 'test' {options}; create extension vector")
            admin.execute(f"alter database {name} owner to the_owner")
        yield url_of(server, name), as_user(url_of(server, name), "the_owner", "test")


def test_who_may_not_make_roles_gets_none_and_works_as_the_owner(no_roles: str, tmp_path: Path) -> None:
    with owned_database(no_roles) as (admin_url, owner_url):
        upgrade(settings_for(owner_url))
        with connect(settings_for(owner_url)) as owner:
            assert existing(owner) == set()
            worker = SqlWorker(owner)
            job_id = enqueue(owner)
            worker.work_all(tree(5))
            owner.execute("select pgdex.build_indexes(1, 1000)")
            assert value(owner, "select status from pgdex.job_status where job_id = %s", job_id) == "completed"
            check = login_check(owner)
            assert (check.outcome, "do not exist" in check.finding) == ("warning", True)
        upgrade(settings_for(owner_url))

        # Somebody who may make them does; the owner's next upgrades leave them as they are.
        upgrade(settings_for(admin_url))
        upgrade(settings_for(owner_url))
        with connect(settings_for(owner_url)) as owner:
            assert existing(owner) == set(ROLES)
            assert login_check(owner).outcome == "ok"
        with new_login(admin_url, READER) as url, connect(settings_for(url)) as reader:
            assert value(reader, "select status from pgdex.job_status") == "completed"
            assert value(reader, "select count(*) from pgdex.chunks_r1") == 5, "partitions from before the roles"
            assert value(reader, "select count(*) from pg_stats where tablename = 'chunks_r1'") > 0


def test_an_owner_who_may_make_roles_makes_them(no_roles: str) -> None:
    with owned_database(no_roles, options="createrole") as (admin_url, owner_url):
        upgrade(settings_for(owner_url))
        with new_login(admin_url, WORKER) as url, connect(settings_for(url)) as member:
            assert abilities(member).roles == ROLES
            worker = SqlWorker(member)
            enqueue(member)
            worker.work_all(tree(5))
            assert value(member, "select status from pgdex.job_status") == "completed"
        downgrade(settings_for(owner_url), "base")


def test_databases_of_one_server_share_the_roles_and_each_gives_back_its_own_grants(
    no_roles: str, tmp_path: Path
) -> None:
    for _ in range(3):
        with new_database(no_roles) as first, new_database(no_roles) as second:
            urls = [url_of(no_roles, name) for name in (first, second)]
            with ThreadPoolExecutor(2) as pool:  # processes: Alembic's state belongs to the whole process
                for done in [pool.submit(command, "db", "upgrade", url=url, home=tmp_path) for url in urls]:
                    assert done.result().code == 0, done.result()
            with psycopg.connect(no_roles, autocommit=True) as admin:
                assert existing(admin) == set(ROLES)
                downgrade(settings_for(urls[0]), "base")
                assert existing(admin) == set(ROLES)
                with new_login(urls[1], READER) as url, connect(settings_for(url)) as reader:
                    assert value(reader, "select count(*) from pgdex.job_status") == 0
                with refused("2BP01"):
                    admin.execute(f"drop role {READER}")
                downgrade(settings_for(urls[1]), "base")
                for role in ROLES:
                    admin.execute(f"drop role {role}")


def test_an_upgrade_after_a_downgrade_gives_the_roles_their_rights_again(
    connection: Connection, database_url: str
) -> None:
    with new_login(database_url, WORKER) as url:
        downgrade(settings_for(database_url), "base")
        with pytest.raises((SchemaBehind, NotAllowed)):
            Client.open(settings_for(url))
        upgrade(settings_for(database_url))
        with connect(settings_for(url)) as member:
            assert abilities(member).roles == ROLES
            enqueue(member)


def test_a_function_that_had_to_be_made_anew_keeps_its_role(connection: Connection, database_url: str) -> None:
    connection.execute("drop function pgdex.tick")
    connection.execute(
        "create function pgdex.tick(worker bigint, other text) returns text language sql as $$ select 'x' $$"
    )
    upgrade(settings_for(database_url))
    with logged_in(database_url, WORKER) as worker:
        assert value(worker, "select pgdex.tick(%s)", SqlWorker(worker).id) is True
    with logged_in(database_url, CLIENT) as client, refused(DENIED):
        client.execute("select pgdex.tick(1)")


def test_what_an_administrator_granted_besides_survives_an_upgrade(connection: Connection, database_url: str) -> None:
    connection.execute("grant execute on function pgdex.set_setting to pgdex_client")
    upgrade(settings_for(database_url))
    with logged_in(database_url, CLIENT) as client:
        client.execute("select pgdex.set_setting('max_concurrent_jobs', '4')")
