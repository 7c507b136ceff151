"""`pgdex.connect()` and `pgdex.connect_async()`, on a real database with real workers."""

import asyncio
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import pgdex
from pgdex import errors
from pgdex.indexer.sources import walk
from pgdex.jobs.api.connections import MOST_CONNECTIONS
from pgdex.jobs.client import changes
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.watching import looks
from tests.support.databases import new_database, url_of
from tests.support.trees import python_tree
from tests.support.workers import Workers, end_processes_in, workers_on

NOBODY = UUID(int=0)
FILES = 3


@pytest.fixture(scope="module")
def url(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with a worker."""
    with new_database(server_url, template=template) as name:
        found = url_of(server_url, name)
        with workers_on(found, tmp_path_factory.mktemp("workers")) as workers:
            workers.wait_until_alive(1)
            yield found


@pytest.fixture(scope="module")
def px(url: str) -> Iterator[pgdex.Pgdex]:
    with pgdex.connect(url, start_workers=False) as px:
        yield px


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, px: pgdex.Pgdex) -> Path:
    """An indexed folder."""
    root = tmp_path_factory.mktemp("indexed") / "shop"
    python_tree(root, count=FILES)
    (root / "prices.py").write_text("def discount(price: float) -> float:\n    return price * 0.9\n")
    px.index(root)
    return root


def test_index_waits_with_progress_until_the_job_is_completed(px: pgdex.Pgdex, tmp_path: Path) -> None:
    python_tree(tmp_path / "new", count=FILES)
    seen: list[JobStatus] = []

    job = px.index(tmp_path / "new", progress=seen.append)

    assert (job.status, job.files_indexed) == ("completed", FILES)
    assert seen[-1] == job
    assert len(seen) >= 2, "a job that has just been asked for is not completed yet"
    assert px.events(job.job_id)[0].event_type == "created"


def test_search_related_and_the_lists_answer_with_dataclasses(px: pgdex.Pgdex, tree: Path) -> None:
    found = px.search("discount", repo=tree, limit=1)
    alike = px.related(tree / "prices.py", 1)

    assert [(hit.path, hit.start_line) for hit in found.hits] == [("prices.py", 1)]
    assert alike.searched == [str(tree)]
    assert str(tree) in [view.root for one in px.repositories().repositories for view in one.views]
    assert {job.repo_path for job in px.list_jobs(status="completed", repo=tree).jobs} == {str(tree)}


def test_search_looks_into_the_whole_project_wherever_the_program_stands(
    px: pgdex.Pgdex, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_tree(tmp_path / "other", count=1)
    px.index(tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")

    assert [hit.path for hit in px.search("discount", limit=1).hits] == ["prices.py"]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda px: px.search(5), errors.InvalidRequest, "query must be text, got 5"),
        (lambda px: px.search("x", limit=0), errors.InvalidRequest, "limit must be an integer from 1 to 100"),
        (lambda px: px.search("x", language=5), errors.InvalidRequest, "language must be text"),
        (lambda px: px.search("x", project="a b"), errors.InvalidRequest, "a project id is"),
        (lambda px: px.related("prices.py", "1"), errors.InvalidRequest, "line must be an integer from 1"),
        (lambda px: px.related("/nowhere/a.py", 1), errors.InvalidRequest, "not in a repository indexed"),
        (lambda px: px.start("a\0b"), errors.InvalidRequest, "can't be a path"),
        (lambda px: px.start("\udc80"), errors.InvalidRequest, "not UTF-8"),
        (lambda px: px.start("."[:0]), errors.InvalidRequest, "path is empty"),
        (lambda px: px.start("/"), errors.TooBroad, "allow_broad=True"),
        (lambda px: px.start(".", branch="a", tag="b"), errors.InvalidRequest, "only one of branch and tag"),
        (lambda px: px.start(".", name=5), errors.InvalidRequest, "name must be text"),
        (lambda px: px.status(NOBODY), errors.JobNotFound, "there is no job"),
        (lambda px: px.events(NOBODY), errors.JobNotFound, "there is no job"),
        (lambda px: px.wait(NOBODY), errors.JobNotFound, "there is no job"),
        (lambda px: px.cancel("last"), errors.InvalidRequest, "a job id looks like"),
        (lambda px: px.wait(NOBODY, timeout=-1), errors.InvalidRequest, "timeout must be a number"),
        (lambda px: px.search("x", limit=True), errors.InvalidRequest, "limit must be an integer from 1 to 100"),
        (lambda px: px.search("x", kinds=None), errors.InvalidRequest, "kinds must be a text or several, got None"),
        (lambda px: px.search("x", kinds=["class", 5]), errors.InvalidRequest, "kinds must be a text or several"),
        (lambda px: px.list_jobs(status=None), errors.InvalidRequest, "status must be a text or several"),
        (lambda px: px.list_jobs(limit="20"), errors.InvalidRequest, "limit must be an integer from 1 to 1000"),
        (lambda px: px.repositories(offset=-1), errors.InvalidRequest, "offset must be an integer from 0"),
        (lambda px: px.start(".", name="a\nb"), errors.InvalidRequest, "a name must have 1 to 200 characters"),
        (lambda px: px.list_jobs(status="done"), errors.InvalidRequest, "unknown status 'done'"),
        (lambda px: px.list_jobs(since="today"), errors.InvalidRequest, "since must be a datetime"),
        (lambda px: px.list_jobs(since=datetime(2026, 1, 1)), errors.InvalidRequest, "with a time zone"),  # noqa: DTZ001 (the one that is refused)
        (lambda px: px.remove(), errors.InvalidRequest, "say what to remove"),
        (lambda px: px.remove("nothing-like-it"), errors.InvalidRequest, "not in the index"),
    ],
)
def test_what_can_t_be_done_is_an_error_that_says_why(
    px: pgdex.Pgdex, tree: Path, call: Callable[[Any], object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        call(px)


def test_a_url_of_another_database_is_refused_by_the_argument_s_name_and_without_its_password() -> None:
    with pytest.raises(errors.InvalidRequest, match="url is not a PostgreSQL URL") as refused:
        pgdex.connect("mysql://ada:geheim@db.example.com/code")
    assert "geheim" not in str(refused.value)
    assert "PGDEX_DATABASE_URL" not in str(refused.value)


@pytest.mark.parametrize("url", ["", 5])
def test_an_empty_url_does_not_mean_the_embedded_server(url: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="url must be a PostgreSQL URL"):
        pgdex.connect(url)


def test_a_database_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(errors.DatabaseUnavailable, match=r"127\.0\.0\.1:1") as raised:
        pgdex.connect("postgresql://ada:sesame@127.0.0.1:1/code")
    assert "sesame" not in str(raised.value)


def test_index_starts_workers_on_the_database_of_the_url(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable names that database: the workers have it from the program."""
    home = tmp_path / "home"
    monkeypatch.setenv("PGDEX_HOME", str(home))
    python_tree(tmp_path / "tree", count=1)
    try:
        with pgdex.connect(database_url) as px:
            seen: list[str] = []
            job = px.index(tmp_path / "tree", progress=lambda job: seen.append(job.progress_message), timeout=90)
            assert job.files_indexed == 1
            assert "Starting workers" in seen
            assert not any("pgdex worker" in message for message in seen)
    finally:
        assert end_processes_in(home) == []


def test_any_number_of_threads_share_ten_connections(px: pgdex.Pgdex, tree: Path, url: str) -> None:
    with ThreadPoolExecutor(40) as threads:
        paths = list(threads.map(lambda _: px.search("discount", repo=tree, limit=1).hits[0].path, range(80)))

    assert set(paths) == {"prices.py"}
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from pg_stat_activity where application_name = 'pgdex'").fetchone()
    assert row is not None
    assert row[0] <= MOST_CONNECTIONS + 1, "one more is of the worker"


def test_a_forked_process_makes_connections_of_its_own(px: pgdex.Pgdex, tree: Path) -> None:
    px.search("discount", limit=1)  # a connection is there to be inherited
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if px.search("discount", repo=tree, limit=1).hits[0].path == "prices.py" else 2
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert px.search("discount", repo=tree, limit=1).hits


@pytest.mark.skipif(sys.platform != "linux", reason="reads inotify's queue, which only Linux has")
def test_searches_after_the_second_walk_no_tree_again_and_find_what_was_saved_just_before(
    database_url: str, workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[object] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        walks.append(named.get("only"))
        return walk(*arguments, **named)

    for module in (looks, changes):
        monkeypatch.setattr(module, "walk", counted)
    root = tmp_path / "shop"
    python_tree(root, count=FILES)
    of_others = open_files().count("inotify")  # the one that this module's tests share may watch by now
    workers.start()
    with pgdex.connect(database_url, start_workers=False) as px:
        px.index(root)

        def found(name: str) -> bool:
            (root / f"{name}.py").write_text(f"def {name}(price: float) -> float:\n    return price * 0.9\n")
            return px.search(name, repo=root, limit=1).hits[0].path == f"{name}.py"

        assert found("first")
        assert open_files().count("inotify") == of_others, "a program that searches once watches nothing"
        assert found("second")
        assert open_files().count("inotify") == of_others + 1
        walks.clear()
        for name in ("third", "fourth"):
            assert found(name)
        assert None not in walks
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if found("of_the_child") and found("of_the_child_again") else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        (root / "fifth.py").write_text("def fifth(price: float) -> float:\n    return price * 0.9\n")
        assert px.search("of_the_child_again", repo=root, limit=1).hits[0].path == "of_the_child_again.py"
        assert px.search("fifth", repo=root, limit=1).hits[0].path == "fifth.py"
    assert open_files().count("inotify") == of_others


def open_files() -> str:
    """What this process has open."""
    return " ".join(os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd") if is_open(one))


def is_open(descriptor: str) -> bool:
    """Whether it still is: the one of the listing itself is not."""
    return os.path.lexists(f"/proc/self/fd/{descriptor}")


def test_calls_go_on_when_their_connections_were_cut(px: pgdex.Pgdex, tree: Path, url: str) -> None:
    px.search("discount", limit=1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgdex' and pid <> %s",
            [connection.info.backend_pid],
        )

    assert px.search("discount", repo=tree, limit=1).hits


def test_the_project_is_that_of_the_call_else_that_of_connect(url: str, px: pgdex.Pgdex, tmp_path: Path) -> None:
    python_tree(tmp_path / "tree", count=1)
    with pgdex.connect(url, project="web", start_workers=False) as of_web:
        assert of_web.index(tmp_path / "tree").project_id == "web"
        assert of_web.repositories().total_count == 1
        assert of_web.repositories(project="elsewhere").total_count == 0
    assert px.repositories(project="web").total_count == 1
    with pytest.raises(errors.InvalidRequest, match="a project id is"):
        pgdex.connect(url, project="a b")


def test_a_project_file_that_is_not_believed_is_told_of_once(
    px: pgdex.Pgdex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".pgdex.toml").write_text('project = "theirs"\n')
    for _ in range(2):
        px.search("discount", repo=tmp_path)

    (said,) = [record.getMessage() for record in caplog.records if record.name == "pgdex.api"]
    assert "pgdex allow" in said


def test_after_close_calls_say_so(url: str) -> None:
    px = pgdex.connect(url)
    px.close()
    px.close()
    for call in (lambda: px.search("x"), lambda: px.wait(NOBODY)):
        with pytest.raises(errors.PgdexError, match="was closed"):
            call()


def test_what_is_removed_is_said_and_gone(px: pgdex.Pgdex, tmp_path: Path) -> None:
    root = tmp_path / "short-lived"
    python_tree(root, count=1)
    px.index(root)
    shutil.rmtree(root)

    removal = px.remove(root)

    assert ([view.root for view in removal.views], removal.is_complete) == ([str(root)], True)
    assert removal.document()["effects"][0]["files"] == 1
    with pytest.raises(errors.InvalidRequest):
        px.remove(root)


def test_the_asynchronous_twin_leaves_the_loop_free(url: str, tree: Path, tmp_path: Path) -> None:
    python_tree(tmp_path / "new", count=FILES)

    async def main() -> None:
        ticks = 0

        async def ticking() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        on_loop: list[bool] = []
        async with pgdex.connect_async(url, start_workers=False) as px:
            clock = asyncio.create_task(ticking())
            job = await px.index(
                tmp_path / "new",
                progress=lambda _: on_loop.append(threading.current_thread() is threading.main_thread()),
            )
            found, listed = await asyncio.gather(px.search("discount", repo=tree, limit=1), px.list_jobs(limit=1))
            clock.cancel()
            assert (job.files_indexed, found.hits[0].path, len(listed.jobs)) == (FILES, "prices.py", 1)
            assert ticks > 2
            assert on_loop
            assert all(on_loop)
            with pytest.raises(errors.JobNotFound):
                await px.status(NOBODY)
        with pytest.raises(errors.PgdexError):
            await px.search("x")

    asyncio.run(main())


def test_the_synchronous_one_works_inside_of_a_running_loop(url: str, tree: Path) -> None:
    async def cell() -> list[str]:
        with pgdex.connect(url, start_workers=False) as px:
            return [hit.path for hit in px.search("discount", repo=tree, limit=1).hits]

    assert asyncio.run(cell()) == ["prices.py"]


def test_both_have_the_same_methods_with_the_same_descriptions() -> None:
    public = {name for name in vars(pgdex.Pgdex) if not name.startswith("_")} - {"open", "following"}
    assert public == {name for name in vars(pgdex.AsyncPgdex) if not name.startswith("_")}
    assert pgdex.AsyncPgdex.search.__doc__ == pgdex.Pgdex.search.__doc__


def test_workers_are_never_started_for_who_does_not_want_them(workers: Workers, tmp_path: Path) -> None:
    python_tree(tmp_path / "tree", count=1)
    with pgdex.connect(workers.database_url, start_workers=False) as px:
        with pytest.raises(errors.JobTimeout):
            px.index(tmp_path / "tree", timeout=0.5)
        with psycopg.connect(workers.database_url) as connection:
            assert connection.execute("select count(*) from pgdex.worker_status").fetchone() == (0,)
