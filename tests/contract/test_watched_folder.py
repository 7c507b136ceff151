"""The stdio server keeps the repository that its client works in current."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from anyio.from_thread import BlockingPortal
from mcp import Client as McpClient

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.watching.turn import LOCK_CLASS
from tests.contract.agents import Agent, http_client, http_server, stdio_server
from tests.support.databases import settings_for
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers, end_processes_in, workers_on

WATCHERS = """
    select count(*) from pg_locks where locktype = 'advisory' and classid::bigint = %s and granted
        and database = (select oid from pg_database where datname = current_database())
"""
SECONDS = 30.0


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection to the test's own database."""
    with connect(settings_for(database_url), application="pgdex test") as connection:
        yield connection


@pytest.fixture
def workers(database_url: str, tmp_path: Path) -> Iterator[Workers]:
    """One worker."""
    folder = tmp_path / "workers"
    folder.mkdir()
    with workers_on(database_url, folder) as workers:
        workers.wait_until_alive(1)
        yield workers


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The servers' PGDEX_HOME."""
    yield tmp_path / "home"
    assert end_processes_in(tmp_path / "home") == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The repository that the client works in."""
    return python_tree(tmp_path.resolve() / "tree", 4)


@contextmanager
def agent_in(portal: BlockingPortal, folder: Path, database_url: str, home: Path, **variables: str) -> Iterator[Agent]:
    """A client whose server was started in `folder`."""
    # A search would index what changed before it answers: here it is the watcher's work.
    variables = {"PGDEX_FRESH_SECONDS": "0"} | variables
    server = stdio_server(folder, PGDEX_DATABASE_URL=database_url, PGDEX_HOME=str(home), **variables)
    options: Any = {"mode": "auto"}
    context = portal.wrap_async_context_manager(McpClient(server, **options))
    agent = Agent(portal, context.__enter__())
    try:
        yield agent
    finally:
        with suppress(Exception):
            context.__exit__(None, None, None)


def watchers(connection: Connection) -> int:
    row = connection.execute(WATCHERS, [LOCK_CLASS]).fetchone()
    return int(row[0]) if row else 0


def index(database_url: str, tree: Path, workers: Workers) -> None:
    with Client.open(settings_for(database_url)) as client:
        assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"


def finds(agent: Agent, word: str) -> bool:
    return any(word in hit.get("code", "") for hit in agent.call("search_code", query=word).data["hits"])


def test_what_the_client_saves_is_found_without_asking_for_it(
    portal: BlockingPortal, database_url: str, connection: Connection, workers: Workers, home: Path, tree: Path
) -> None:
    index(database_url, tree, workers)
    inside = tree / "package_0"
    with agent_in(portal, inside, database_url, home) as agent:
        wait_for(lambda: watchers(connection) == 1, what="a watcher", seconds=SECONDS)
        write_tree(tree, {"fresh.py": "def saved_by_the_editor():\n    return 1\n"})
        wait_for(lambda: finds(agent, "saved_by_the_editor"), what="the file", seconds=SECONDS)
    wait_for(lambda: watchers(connection) == 0, what="the watcher's end with its client", seconds=SECONDS)


def test_a_folder_is_watched_from_when_the_client_has_it_indexed(
    portal: BlockingPortal, database_url: str, connection: Connection, workers: Workers, home: Path, tree: Path
) -> None:
    with agent_in(portal, tree, database_url, home) as agent:
        agent.call("list_background_jobs")
        time.sleep(2)
        assert watchers(connection) == 0
        other = python_tree(tree.parent / "other", 1)
        agent.call("start_indexing_background", repo_path=str(other))
        time.sleep(1)
        assert watchers(connection) == 0
        agent.call("start_indexing_background", repo_path=str(tree))
        wait_for(lambda: watchers(connection) == 1, what="a watcher", seconds=SECONDS)
        write_tree(tree, {"fresh.py": "def saved_by_the_editor():\n    return 1\n"})
        wait_for(lambda: finds(agent, "saved_by_the_editor"), what="the file", seconds=SECONDS)
    assert workers.processes[0].poll() is None


def test_the_next_window_takes_over_when_a_server_is_killed(
    portal: BlockingPortal, database_url: str, connection: Connection, workers: Workers, home: Path, tree: Path
) -> None:
    index(database_url, tree, workers)

    def servers() -> list[psutil.Process]:
        return [process for process in psutil.Process().children(recursive=True) if "mcp" in process.cmdline()]

    before = {process.pid for process in servers()}
    with agent_in(portal, tree, database_url, home):
        wait_for(lambda: watchers(connection) == 1, what="a watcher", seconds=SECONDS)
        (first,) = [process for process in servers() if process.pid not in before]
        with agent_in(portal, tree, database_url, home) as second:
            second.call("list_background_jobs")
            time.sleep(1)
            assert watchers(connection) == 1
            os.kill(first.pid, signal.SIGKILL)
            write_tree(tree, {"fresh.py": "def saved_by_the_editor():\n    return 1\n"})
            wait_for(lambda: finds(second, "saved_by_the_editor"), what="the file", seconds=SECONDS)
            assert watchers(connection) == 1


def test_nothing_is_watched_where_that_is_turned_off(
    portal: BlockingPortal, database_url: str, connection: Connection, workers: Workers, home: Path, tree: Path
) -> None:
    index(database_url, tree, workers)
    with agent_in(portal, tree, database_url, home, PGDEX_WATCH="off") as agent:
        agent.call("start_indexing_background", repo_path=str(tree))
        time.sleep(3)
        assert watchers(connection) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which descriptors a process has")
@pytest.mark.parametrize("watch", ["on", "off"])
def test_a_search_of_a_server_has_the_system_report_what_happens_after_it_unless_that_is_turned_off(
    portal: BlockingPortal, database_url: str, workers: Workers, home: Path, tree: Path, watch: str
) -> None:
    def queues(url: str) -> int:
        address = url.removeprefix("http://")
        (server,) = [one.pid for one in psutil.Process().children(recursive=True) if address in one.cmdline()]
        links = [os.readlink(link) for link in Path(f"/proc/{server}/fd").iterdir() if link.is_symlink()]
        return links.count("anon_inode:inotify")

    index(database_url, tree, workers)
    with http_server(tree, PGDEX_DATABASE_URL=database_url, PGDEX_HOME=str(home), PGDEX_WATCH=watch) as url:
        context = portal.wrap_async_context_manager(http_client(url))
        agent = Agent(portal, context.__enter__())
        before = queues(url)
        for number in range(3):
            write_tree(tree, {f"fresh{number}.py": f"def saved_{number}():\n    return 1\n"})
            found = agent.call("search_code", query=f"saved_{number}", repo_path=str(tree)).data["hits"]
            assert found[0]["path"] == f"fresh{number}.py"
        assert queues(url) - before == (1 if watch == "on" else 0)
        context.__exit__(None, None, None)


def test_a_server_over_http_watches_nothing(
    portal: BlockingPortal, database_url: str, connection: Connection, workers: Workers, home: Path, tree: Path
) -> None:
    index(database_url, tree, workers)
    with http_server(tree, PGDEX_DATABASE_URL=database_url, PGDEX_HOME=str(home)) as url:
        context = portal.wrap_async_context_manager(http_client(url))
        agent = Agent(portal, context.__enter__())
        try:
            agent.call("start_indexing_background", repo_path=str(tree))
            time.sleep(3)
            assert watchers(connection) == 0
        finally:
            context.__exit__(None, None, None)


def test_a_repository_of_another_project_than_the_folder_s_is_not_watched(
    portal: BlockingPortal, client_url: str, admin: Connection, indexed: Path, tmp_path: Path
) -> None:
    with agent_in(portal, indexed, client_url, tmp_path / "home") as agent:
        agent.call("list_background_jobs", project_id="shop")
        time.sleep(2)
        assert watchers(admin) == 0
