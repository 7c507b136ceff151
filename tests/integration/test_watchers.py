"""A watcher keeps the index current: with real files, real workers, a real database that may go away."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.naming import view_meant
from pgdex.jobs.client.removal import remove_view
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.settings import Settings
from pgdex.jobs.watching import News, Watcher, file_systems
from pgdex.jobs.watching.requests import request_after_live, requests_of
from pgdex.jobs.watching.turn import LOCK_CLASS
from tests.integration.cli.watched_jobs import running_job
from tests.support.databases import settings_for
from tests.support.sql_worker import enqueue
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers, end_processes_in

SECONDS = 20.0
LOCKS = "select count(*) from pg_locks where locktype = 'advisory' and classid::bigint = %s and granted"
WATCHERS_SESSION = "select pid from pg_locks where locktype = 'advisory' and classid::bigint = %s and granted"


@pytest.fixture
def configuration() -> dict[str, object]:
    """An embedder that is there at once."""
    return {"embedder": "hashing"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where workers would run that a watcher starts: those use the test's database too, and end with the test."""
    home = tmp_path / "home"
    for name, value in (("DATABASE_URL", database_url), ("HOME", str(home)), ("EMBEDDER", "hashing")):
        monkeypatch.setenv(f"PGDEX_{name}", value)
    yield home
    assert end_processes_in(home) == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree."""
    return write_tree(python_tree(tmp_path.resolve() / "tree", 5), {".gitignore": "build/\n"})


@pytest.fixture
def settings(database_url: str, configuration: dict[str, object], home: Path) -> Settings:
    """Those of a watcher."""
    return settings_for(database_url, home=home, **configuration)


@pytest.fixture
def indexed(client: Client, workers: Workers, tree: Path) -> Path:
    """The tree, indexed; its worker goes on."""
    workers.start()
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"
    return tree


@dataclass
class Watching:
    """A watcher that runs, and what it has said."""

    watcher: Watcher
    news: list[News] = field(default_factory=list)

    def said(self, kind: str) -> list[News]:
        """What it said of that kind."""
        return [one for one in self.news if one.kind == kind]

    def wait(self, kind: str, *, times: int = 1, seconds: float = SECONDS) -> News:
        """The latest news of that kind, once there were so many."""
        wait_for(lambda: len(self.said(kind)) >= times, what=f"{times} × {kind} in {self.news}", seconds=seconds)
        return self.said(kind)[times - 1]

    def is_quiet(self) -> bool:
        """Whether the jobs that it asked for have ended."""
        return len(self.said("completed")) + len(self.said("failed")) == len(self.said("changed")) > 0


@contextmanager
def watching(root: Path, settings: Settings, *, idle_seconds: float = 1000) -> Iterator[Watching]:
    """A watcher in a thread; it has ended afterwards."""
    news: list[News] = []
    watcher = Watcher(root, project="default", settings=settings, tells=news.append, idle_seconds=idle_seconds)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        yield Watching(watcher, news)
    finally:
        watcher.stop()
        thread.join(15)
        assert not thread.is_alive()


def stored(connection: Connection) -> Callable[[str], bool]:
    def has(path: str) -> bool:
        row = connection.execute("select exists (select from pgdex.files where path = %s)", [path]).fetchone()
        return bool(row and row[0])

    return has


def test_what_is_saved_while_it_is_watched_is_indexed_within_seconds(
    indexed: Path, settings: Settings, connection: Connection
) -> None:
    has = stored(connection)
    with watching(indexed, settings) as seen:
        seen.wait("completed")
        write_tree(indexed, {"package_0/new.py": "def fresh():\n    return 1\n"})
        change = seen.wait("changed", times=2)
        assert change.data["paths"] == ["package_0/new.py"]
        done = seen.wait("completed", times=2)
        assert done.data["status"] == "completed"
        assert has("package_0/new.py")
        (indexed / "package_0" / "new.py").unlink()
        seen.wait("completed", times=3)
        assert not has("package_0/new.py")
    # The server ends a session some milliseconds after it was closed.
    wait_for(lambda: connection.execute(LOCKS, [LOCK_CLASS]).fetchone() == (0,), what="the lock to be given up")


def test_what_is_ignored_asks_for_nothing(indexed: Path, settings: Settings, client: Client) -> None:
    with watching(indexed, settings) as seen:
        seen.wait("completed")
        jobs = client.list_jobs().total_count
        write_tree(indexed, {f"build/{number}.py": "x = 1\n" for number in range(300)})
        time.sleep(2)
        assert client.list_jobs().total_count == jobs


def test_10_000_files_at_once_are_one_job(indexed: Path, settings: Settings, client: Client) -> None:
    with watching(indexed, settings) as seen:
        seen.wait("completed")
        jobs = client.list_jobs().total_count
        staged = python_tree(indexed.parent / "staged", 10_000)
        os.rename(staged, indexed / "staged")
        seen.wait("completed", times=2, seconds=100)
        time.sleep(1)
        assert client.list_jobs().total_count == jobs + 1
        assert client.find("last").files_indexed == 10_000


def test_a_change_during_a_job_is_indexed_after_it_and_never_two_jobs_at_once(
    tree: Path, settings: Settings, client: Client, connection: Connection
) -> None:
    job_id, _, _ = running_job(connection, str(tree))
    with watching(tree, settings) as seen:
        seen.wait("watching")
        write_tree(tree, {"late.py": "x = 1\n"})
        time.sleep(2)
        assert client.list_jobs().total_count == 1  # it was asked for, and the live job is the answer
        assert seen.said("changed") == []
        connection.execute("select pgdex.cancel_job(%s)", [job_id])
        seen.wait("changed")
        after = client.list_jobs().jobs
        assert [job.job_id for job in after[1:]] == [job_id]
        assert after[0].status == "pending"


def test_a_job_that_waits_for_its_scan_is_not_asked_for_twice(
    tree: Path, settings: Settings, client: Client, connection: Connection
) -> None:
    running_job(connection, "/another")  # whose worker lives, so that no real one is started
    job_id = enqueue(connection, str(tree))
    before = client.list_jobs().total_count
    with watching(tree, settings) as seen:
        seen.wait("changed")
        connection.execute("select pgdex.cancel_job(%s)", [job_id])
        seen.wait("failed")
        time.sleep(1)
        assert client.list_jobs().total_count == before


def test_what_a_hook_asks_for_comes_after_a_job_that_is_under_way(
    tree: Path, client: Client, connection: Connection
) -> None:
    job_id, _, _ = running_job(connection, str(tree))
    timer = threading.Timer(2, connection.execute, ["select pgdex.cancel_job(%s)", [job_id]])
    timer.start()
    asked: UUID = request_after_live(client, requests_of(tree, project="default"), patience_seconds=30)
    timer.join()
    assert asked != job_id
    assert client.status(asked).status == "pending"


def test_one_of_two_watchers_watches_and_the_other_takes_over(
    indexed: Path, settings: Settings, connection: Connection
) -> None:
    with watching(indexed, settings) as first:
        first.wait("completed")
        with watching(indexed, settings) as second:
            second.wait("standing_by")
            assert second.said("watching") == []
            assert connection.execute(LOCKS, [LOCK_CLASS]).fetchone() == (1,)
            first.watcher.stop()
            second.wait("watching")
            second.wait("completed")
            write_tree(indexed, {"new.py": "x = 1\n"})
            second.wait("completed", times=2)
            assert stored(connection)("new.py")


def test_where_changes_are_not_reported_they_are_looked_for_and_that_is_said_once(
    indexed: Path, settings: Settings, connection: Connection, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = file_systems.kind_of(str(indexed))
    monkeypatch.setattr(file_systems, "UNREPORTED", {kind})
    often = settings.with_values(watch_poll_seconds=0.5)
    with watching(indexed, often) as seen:
        said = seen.wait("watching")
        assert said.data["how"] == "polling"
        assert str(kind) in said.text
        seen.wait("completed")
        jobs = client.list_jobs().total_count
        time.sleep(3)
        assert client.list_jobs().total_count == jobs
        write_tree(indexed, {"new.py": "x = 1\n", "build/new.py": "x = 1\n"})
        assert seen.wait("changed", times=2).data["paths"] == ["new.py"]
        seen.wait("completed", times=2)
        assert stored(connection)("new.py")
        assert len(seen.said("watching")) == 1


def test_a_connection_that_breaks_is_made_again_and_everything_is_looked_at(
    indexed: Path, settings: Settings, connection: Connection
) -> None:
    with watching(indexed, settings) as seen:
        seen.wait("completed")
        connection.execute(f"select pg_terminate_backend(pid) from ({WATCHERS_SESSION}) as s", [LOCK_CLASS])
        write_tree(indexed, {"meanwhile.py": "x = 1\n"})
        seen.wait("database_away")
        seen.wait("database_back")
        wait_for(lambda: stored(connection)("meanwhile.py"), what="the file", seconds=SECONDS)
        assert connection.execute(LOCKS, [LOCK_CLASS]).fetchone() == (1,)
        wait_for(seen.is_quiet, what="the end of all jobs")


def test_a_folder_that_is_gone_is_given_up_after_a_while(indexed: Path, settings: Settings) -> None:
    with watching(indexed, settings) as seen:
        seen.wait("completed")
        shutil.move(indexed, indexed.parent / "moved")
        began = time.monotonic()
        assert "gone" in seen.wait("ended").text
        assert time.monotonic() - began > 4


def test_a_folder_that_was_exchanged_is_watched_on(indexed: Path, settings: Settings, connection: Connection) -> None:
    with watching(indexed, settings) as seen:
        seen.wait("completed")
        os.rename(indexed, indexed.parent / "old")
        write_tree(python_tree(indexed, 5), {"other.py": "x = 1\n"})  # as after a clone that was made again
        wait_for(lambda: stored(connection)("other.py"), what="the file", seconds=SECONDS)
        wait_for(seen.is_quiet, what="the end of all jobs")
        write_tree(indexed, {"more.py": "x = 1\n"})
        wait_for(lambda: stored(connection)("more.py"), what="the file", seconds=SECONDS)
        assert seen.said("ended") == []


def test_a_repository_that_is_removed_from_the_index_is_not_put_back_into_it(
    indexed: Path, settings: Settings, client: Client
) -> None:
    with watching(indexed, settings) as seen:
        seen.wait("completed")
        remove_view(client.connection, view_meant(client.connection, str(indexed), project="default"), cancel=True)
        assert "removed" in seen.wait("ended").text
        write_tree(indexed, {"new.py": "x = 1\n"})
        time.sleep(1)
        assert client.list_jobs().jobs == []


def test_a_folder_in_which_nobody_works_is_given_up(indexed: Path, settings: Settings) -> None:
    with watching(indexed, settings, idle_seconds=2) as seen:
        seen.wait("completed")
        assert "nobody searched" in seen.wait("ended").text


def test_whoever_searches_keeps_the_watch(indexed: Path, settings: Settings) -> None:
    with watching(indexed, settings, idle_seconds=4) as seen:
        seen.wait("completed")
        end = time.monotonic() + 8
        while time.monotonic() < end:
            seen.watcher.touch()
            time.sleep(0.2)
        assert seen.said("ended") == []
