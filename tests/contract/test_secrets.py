"""Passwords and keys reach the database and the embedding service, and nothing that people read.

Every secret of these tests holds one word, in any encoding: what was said and written is searched for that word.
"""

import base64
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import connect
from tests.support.databases import embedded_server, new_database, settings_for, upgraded_template, url_of
from tests.support.embedding_server import EmbeddingServer
from tests.support.job_checks import value
from tests.support.logins import CHECKOUT, PGDEX, Finished, as_user, new_login, run_pgdex
from tests.support.sql_worker import enqueue
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers, end_processes_in, workers_on

WORD = "S3cr3t"
PASSWORD = f"{WORD}-p@ss/w:rd%#?{WORD}"
API_KEY = f"sk-{WORD}-4711"
EMBEDDER_LOGIN, EMBEDDER_PASSWORD = "svc", f"{WORD}/p@ss:word"
# What a service may echo of a login, and what can't be recognised by the word.
BASIC = base64.b64encode(f"{EMBEDDER_LOGIN}:{EMBEDDER_PASSWORD}".encode()).decode()
MODEL = "openai:test-model"


@pytest.fixture(autouse=True)
def nothing_runs_on(tmp_path: Path) -> Iterator[None]:
    """Workers that commands start in the background end with their test, not when they find their database gone."""
    yield
    end_processes_in(tmp_path)


def is_silent(text: str) -> bool:
    """Whether no secret, nor a part of one, is in `text`."""
    encoded = [base64.b64encode(WORD.encode())[:-2].decode(), BASIC[8:-4]]
    return WORD.lower() not in text.lower() and not any(part in text for part in encoded)


def assert_silent(finished: Finished) -> None:
    assert is_silent(finished.out), finished.out
    assert is_silent(finished.err), finished.err


def everything_stored(url: str) -> str:
    """All rows of all tables and what the server shows of its sessions."""
    with connect(settings_for(url)) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'pgdex'").fetchall()
        rows = [row for (table,) in tables for row in connection.execute(f"select t::text from pgdex.{table} t")]
        rows += connection.execute("select a::text from pg_stat_activity a where pid <> pg_backend_pid()").fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.fixture(scope="module")
def strict_server() -> str:
    """A server that asks everyone but its superuser for a password."""
    url = embedded_server()
    with psycopg.connect(url, autocommit=True) as admin:
        rules = value(admin, "show hba_file")
        Path(rules).write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        admin.execute("select pg_reload_conf()")
    return url


@pytest.fixture(scope="module")
def strict_template(strict_server: str) -> Iterator[str]:
    with upgraded_template(strict_server) as name:
        yield name


@pytest.fixture
def admin_url(strict_server: str, strict_template: str) -> Iterator[str]:
    with new_database(strict_server, template=strict_template) as name:
        yield url_of(strict_server, name)


@pytest.fixture
def url(admin_url: str) -> Iterator[str]:
    """The database's URL for a worker's login, whose password is the secret."""
    with new_login(admin_url, "pgdex_worker", password=PASSWORD) as url:
        yield url


@pytest.fixture
def service() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as server:
        yield server


def at_once(*lines: list[str], home: Path, **variables: str) -> list[Finished]:
    """These commands, beside each other."""
    with ThreadPoolExecutor(len(lines)) as pool:
        return list(pool.map(lambda line: run_pgdex(*line, home=home, **variables), lines))


@contextmanager
def working(url: str, folder: Path, variables: dict[str, str]) -> Iterator[Workers]:
    """One worker's process with these PGDEX_ variables."""
    workers = Workers(url, folder, environment=variables)
    try:
        workers.start()
        yield workers
    finally:
        workers.stop()


def keyed(service: EmbeddingServer, way: str) -> dict[str, str]:
    """PGDEX_ variables that carry the secret to the service: as a key, or in the URL."""
    address = f"{service.url}/v1"
    if way == "key":
        return {"PGDEX_EMBEDDER": MODEL, "PGDEX_EMBEDDER_URL": address, "PGDEX_EMBEDDER_API_KEY": API_KEY}
    login = f"{EMBEDDER_LOGIN}:{quote(EMBEDDER_PASSWORD, safe='')}"
    return {"PGDEX_EMBEDDER": MODEL, "PGDEX_EMBEDDER_URL": address.replace("://", f"://{login}@")}


def test_these_tests_would_find_each_secret_in_each_form() -> None:
    for secret in (PASSWORD, API_KEY, EMBEDDER_PASSWORD):
        for form in (secret, quote(secret, safe=""), quote(secret), repr(secret), secret.lower()):
            assert not is_silent(f"some text {form} and more"), form
    assert not is_silent(f"Basic {BASIC}")
    assert is_silent("nothing of the kind")


# When all is well


@pytest.mark.parametrize("way", ["key", "login"])
def test_nothing_is_said_when_all_goes_well(
    admin_url: str, url: str, service: EmbeddingServer, tmp_path: Path, way: str
) -> None:
    variables = keyed(service, way) | {"PGDEX_DATABASE_URL": url}
    tree = python_tree(tmp_path / "repository", 5)
    with working(url, tmp_path, keyed(service, way)) as workers:
        started = run_pgdex("index", str(tree), "--detach", home=tmp_path, **variables)
        assert started.code == 0, started
        with Client.open(settings_for(url)) as client:
            assert wait_for_end(client, client.list_jobs().jobs[0].job_id, workers=workers).status == "completed"
        outputs = at_once(
            ["index", str(tree)],
            ["--debug", "status"],
            ["list", "--json"],
            ["events", "--json"],
            ["doctor", "--json"],
            ["workers", "--json"],
            ["search", "load_1", "--json"],
            ["db", "url"],
            ["db", "url", "--json"],
            ["db", "psql", "-c", "select * from pgdex.settings"],
            ["db", "psql", "-c", "\\conninfo"],
            home=tmp_path,
            **variables,
        )
        stored = everything_stored(admin_url)
    for finished in [started, *outputs]:
        assert finished.code == 0, finished
        assert_silent(finished)
    assert any("Authorization" in headers for headers, _ in service.requests)
    assert is_silent(stored)
    assert is_silent(written(tmp_path))


def written(folder: Path) -> str:
    """Every log file below the folder."""
    return "\n".join(path.read_text(errors="replace") for path in folder.rglob("*.log"))


def test_the_password_is_printed_by_one_command_that_is_asked_for_it(url: str, tmp_path: Path) -> None:
    shown = run_pgdex("db", "url", "--show-password", home=tmp_path, PGDEX_DATABASE_URL=url)
    assert shown.out.strip() == url
    hidden = run_pgdex("db", "url", home=tmp_path, PGDEX_DATABASE_URL=url)
    assert_silent(hidden)
    assert "--show-password" in hidden.err
    assert_silent(run_pgdex("db", "url", "--help", home=tmp_path, PGDEX_DATABASE_URL=url))


def test_no_process_carries_a_secret_in_its_command_line(url: str, service: EmbeddingServer, tmp_path: Path) -> None:
    variables = keyed(service, "key") | {"PGDEX_DATABASE_URL": url, "PGDEX_HOME": str(tmp_path)}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PGDEX_")}
    running = [
        subprocess.Popen(
            [*PGDEX, *line], env=kept | variables | {"PYTHONPATH": str(CHECKOUT)}, stdout=subprocess.DEVNULL
        )
        for line in (["worker", "--processes", "2"], ["db", "psql", "-c", "select pg_sleep(60)"])
    ]
    try:
        with connect(settings_for(url)) as connection:
            wait_for(lambda: value(connection, "select count(*) from pgdex.workers") == 2, what="two workers")
            sleeping = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'"
            wait_for(lambda: value(connection, sleeping) >= 1, what="psql")
        family = [each for process in running for each in descendants(process.pid)]
        assert len(family) >= 5
        for process in family:
            assert is_silent(" ".join(process.cmdline())), process
    finally:
        for process in [each for parent in running for each in descendants(parent.pid)][::-1]:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        for parent in running:
            parent.wait(30)


def descendants(pid: int) -> list[psutil.Process]:
    """The process and its children's children."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


# When the embedding service has trouble


@pytest.mark.parametrize("way", ["key", "login"])
@pytest.mark.parametrize("fault", ["unauthorized", "down", "redirect"])
def test_trouble_with_the_service_is_told_without_its_secrets(
    admin_url: str, url: str, service: EmbeddingServer, tmp_path: Path, way: str, fault: str
) -> None:
    variables = keyed(service, way) | {"PGDEX_DATABASE_URL": url}
    tree = python_tree(tmp_path / "repository", 3)
    service.fail(fault)
    with connect(settings_for(url)) as connection:
        enqueue(connection, str(tree), embedder=MODEL)
        with working(url, tmp_path, keyed(service, way)) as workers:
            settled = "select status in ('failed', 'blocked') from pgdex.indexing_jobs"
            wait_for(lambda: value(connection, settled), what="a job that fails or waits")
            if fault == "down":  # a probe
                probes = "select probe_delay >= 2 from pgdex.indexing_jobs"
                wait_for(lambda: value(connection, probes), what="probes")
            outputs = at_once(
                ["index", str(tree / "package_0"), "--detach"],
                ["--debug", "index", str(tree / "package_0"), "--detach"],
                ["--debug", "status"],
                ["events", "--json"],
                ["doctor"],
                ["--debug", "search", "load_1"],
                home=tmp_path,
                **variables,
            )
            stored = everything_stored(admin_url)
            logs = workers.logs()
    for finished in outputs:
        assert_silent(finished)
    assert outputs[0].code == ExitCode.EMBEDDER
    assert is_silent(stored)
    assert is_silent(written(tmp_path))
    assert "job_failed" in logs or "job_blocked" in logs, "the log was searched, and tells of the trouble"


@pytest.mark.parametrize(
    "address",
    [
        f"http://svc:{WORD}@127.0.0.1:1/v1",
        f"http://svc:{WORD}/{WORD}@127.0.0.1:1/v1",
        f"http://svc:{WORD}@{WORD}@127.0.0.1:1/v1",
        f"http://svc:{WORD} {WORD}@127.0.0.1:1/v1",
        f"svc:{WORD}@127.0.0.1:1/v1",
        f"ftp://svc:{WORD}@127.0.0.1:1/v1",
        f"http://127.0.0.1:1/v1?api-key={WORD}",
        f"http://svc:{WORD}@[::1/v1",
    ],
)
@pytest.mark.parametrize("key", ["", f"{WORD}\n{WORD}"])
def test_an_address_of_a_service_that_cannot_be_used_is_told_without_its_secrets(
    admin_url: str, tmp_path: Path, address: str, key: str
) -> None:
    variables = {"PGDEX_EMBEDDER": MODEL, "PGDEX_EMBEDDER_URL": address, "PGDEX_EMBEDDER_API_KEY": key}
    repository = tmp_path / "repository"
    repository.mkdir()
    line = ("--debug", "index", str(repository), "--detach")
    finished = run_pgdex(*line, home=tmp_path / "home", PGDEX_DATABASE_URL=admin_url, **variables)
    assert finished.code == ExitCode.EMBEDDER, finished
    assert_silent(finished)


# When the database has trouble

AWAY: dict[str, Callable[[str], str]] = {
    "wrong password": lambda url: as_user(url, name_in(url), f"{PASSWORD}x"),
    "unknown login": lambda url: as_user(url, "nobody_here", PASSWORD),
    "unknown database": lambda url: url_of(url, "not_there"),
    "nothing listens": lambda url: f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1:1/code",
    "unknown host": lambda url: f"postgresql://me:{quote(PASSWORD, safe='')}@host.invalid/code",
    "password in the query": lambda url: f"postgresql://me@127.0.0.1:1/code?password={quote(PASSWORD, safe='')}",
    "keywords": lambda url: f"host=127.0.0.1 port=1 user=me password='{PASSWORD}' sslpassword='{PASSWORD}'",
}
MALFORMED = [
    f"postgresql://me:{PASSWORD}@127.0.0.1:1/code",
    f"postgresql://me:{WORD}A/{WORD}B@127.0.0.1:1/code",
    f"postgresql://me:{WORD}A@{WORD}B@127.0.0.1:1/code",
    f"postgresql://me:{WORD}A?{WORD}B@127.0.0.1:1/code",
    f"postgresql://me:{WORD}A#{WORD}B@127.0.0.1:1/code",
    f"postgresql://me:{WORD}A:{WORD}B@127.0.0.1:1/code",
    f"postgresql://me:{WORD}%4@127.0.0.1:1/code",
    f"postgresql://me:{WORD}%zz@127.0.0.1:1/code",
    f"postgresql://me:{WORD} {WORD}@127.0.0.1:1/code",
    f"postgresql://me:{WORD}@[::1/code",
    f"postgresql://me:{WORD}@127.0.0.1:port/code",
    f"postgresql://me@127.0.0.1:1/code?password={WORD}%zz",
    f"postgresql://me@127.0.0.1:1/code?{WORD}",
    f"postgresql://me@127.0.0.1:1/code?pasword={WORD}",
    f"mysql://me:{WORD}@127.0.0.1:1/code",
    f"me:{WORD}@127.0.0.1:1/code",
    WORD,
    f"host=127.0.0.1 port=1 user=me password={WORD} {WORD}",
    f"host=127.0.0.1 port=1 user=me password='{WORD}",
]


def name_in(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["user"])


@pytest.mark.parametrize("trouble", AWAY)
def test_a_database_that_cannot_be_reached_is_told_without_the_password(url: str, tmp_path: Path, trouble: str) -> None:
    broken = AWAY[trouble](url)
    lines = (["--debug", "list"], ["doctor"], ["db", "upgrade"], ["--debug", "db", "url"], ["db", "psql", "-c", ""])
    outputs = at_once(*lines, home=tmp_path, PGDEX_DATABASE_URL=broken)
    for finished in outputs:
        assert_silent(finished)
    assert [finished.code for finished in outputs[:3]] == [ExitCode.DATABASE, ExitCode.FAILED, ExitCode.DATABASE]
    with workers_on(broken, tmp_path) as workers:
        wait_for(lambda: written(tmp_path), what="a worker that says why it can't start")
        assert workers.logs()
    assert is_silent(written(tmp_path)), written(tmp_path)


@pytest.mark.parametrize("malformed", MALFORMED)
def test_a_malformed_url_is_not_quoted_not_even_in_part(tmp_path: Path, malformed: str) -> None:
    listed, address = at_once(
        ["--debug", "list"], ["--debug", "db", "url"], home=tmp_path, PGDEX_DATABASE_URL=malformed
    )
    assert_silent(listed)
    assert_silent(address)
    # Of some it takes a try at connecting to know.
    assert listed.code == (ExitCode.USAGE if "is not a PostgreSQL URL" in listed.err else ExitCode.DATABASE)


def test_workers_and_watchers_that_lose_the_database_say_so_without_the_password(
    admin_url: str, url: str, tmp_path: Path
) -> None:
    """The password is changed and every session ended: what runs tries the old password again and again."""
    login = name_in(url)
    with connect(settings_for(admin_url)) as admin, workers_on(url, tmp_path) as workers:
        workers.wait_until_alive(1)
        admin.execute("select pgdex.set_setting('max_concurrent_jobs', '1')")
        enqueue(admin, "/nowhere")
        wait_for(lambda: value(admin, "select status = 'failed' from pgdex.indexing_jobs"), what="the job's end")
        with ThreadPoolExecutor(1) as pool:
            job_id = str(enqueue(admin, str(tmp_path)))
            admin.execute(f"alter role {login} password 'another'")
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [login])
            wait_for(lambda: "password authentication failed" in workers.logs(), what="a worker that can't come back")
            watcher = pool.submit(run_pgdex, "events", job_id, home=tmp_path, PGDEX_DATABASE_URL=url)
            assert watcher.result().code == ExitCode.DATABASE
            assert_silent(watcher.result())
            admin.execute(f"alter role {login} password '{PASSWORD}'")
        wait_for(lambda: value(admin, "select count(*) from pgdex.worker_status where alive") == 1, what="it is back")
    assert is_silent(written(tmp_path)), written(tmp_path)


# Settings


@pytest.mark.parametrize(
    "variable",
    ["PROJECT", "PROCESSES", "MAX_CONCURRENT_JOBS", "EMBEDDER_DIMENSION", "EMBEDDER_TIMEOUT", "BATCH_FILES"],
)
def test_a_secret_in_the_wrong_variable_is_refused_without_being_quoted(
    admin_url: str, tmp_path: Path, variable: str
) -> None:
    wrong = {"PGDEX_DATABASE_URL": admin_url, f"PGDEX_{variable}": f"{API_KEY} "}
    for finished in at_once(["--debug", "list"], ["doctor"], home=tmp_path, **wrong):
        assert finished.code in (ExitCode.USAGE, ExitCode.FAILED)
        assert f"PGDEX_{variable}" in finished.out + finished.err
        assert_silent(finished)
