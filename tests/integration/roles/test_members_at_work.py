"""The whole program under logins with one role each: commands, worker processes, and what a refusal says."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.database.roles import grant_statement
from tests.integration.roles.members import CLIENT, NO_ROLE, READER, ROLES, WORKER, command
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServer
from tests.support.job_checks import events_of, value
from tests.support.logins import Finished, new_login
from tests.support.sql_worker import enqueue
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import workers_on


@pytest.fixture
def urls(database_url: str) -> Iterator[dict[str, str]]:
    """The database's URL for a login of each role, and for one that has none."""
    with ExitStack() as stack:
        yield {
            role: stack.enter_context(new_login(database_url, *([] if role == NO_ROLE else [role])))
            for role in (NO_ROLE, *ROLES)
        }


def index(urls: dict[str, str], tree: Path, folder: Path, *, exact_chunks: int, jobs: int) -> JobStatus:
    """A client asks for it, and a worker's process does it, with the vector index that more chunks are to have."""
    with (
        workers_on(
            urls[WORKER],
            folder,
            PGDEX_EXACT_SEARCH_CHUNKS=str(exact_chunks),
            PGDEX_MAX_CONCURRENT_JOBS=str(jobs),
        ) as workers,
        Client.open(settings_for(urls[CLIENT])) as client,
    ):
        status = wait_for_end(client, client.start(tree).job_id, workers=workers)
        due = "select from pgdex.repositories where chunks > %s"
        if client.connection.execute(due, [exact_chunks]).fetchone() is not None:
            built = "select from pg_indexes where indexname ~ '^chunks_r1_hnsw'"
            wait_for(lambda: client.connection.execute(built).fetchone() is not None, what="a vector index")
        return status


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
            what="someone who listens",
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
