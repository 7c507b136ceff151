"""Views of one repository that are switched at once, while what no view holds is collected all the time."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg
import pytest

from pgdex.indexer.storage import IndexedFile, UnchangedFile, VersionGone, stored_files, write_files
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.index_digest import assert_index_is_sound
from tests.support.job_checks import value
from tests.support.synthetic_chunks import SyntheticRepository, chunk, indexed_files, new_repository

FILES = 6
BRANCHES = 3
SECONDS = 4.0
COLLECT = "select pgdex.remove_unused_versions(interval '0', 5)"
SWEEP = "select pgdex.sweep_versions(%s)"
HELD = "select e.path, v.content_hash from pgdex.view_files e join pgdex.versions v on v.id = e.version_id"


def branch(number: int) -> list[IndexedFile]:
    """The files of a branch. A third of them are the same in all branches, and one is in this branch alone."""
    texts = [f"{path} {'everywhere' if path % 3 == 0 else number}" for path in range(FILES)]
    files = indexed_files(
        [chunk(text) for text in texts], path_of="f{}".format, hash_of=lambda index: texts[index].encode()
    )
    return [file for file in files if file.path != f"f{FILES - 1 - number}"]


@dataclass(slots=True)
class Happened:
    """What the threads met, by name; and until when they go on."""

    ends: float
    seen: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str) -> None:
        with self.lock:
            self.seen[what] += 1


def switch(connection: Connection, repository: SyntheticRepository, view_id: int, number: int, *, force: bool) -> None:
    """Let a view hold a branch: as a batch does it, which looks first at what is stored, and a finish. Raises
    VersionGone."""
    files = branch(number)
    paths = [file.path for file in files]
    stored = stored_files(connection, repository_id=repository.id, view_id=view_id, paths=paths)
    known = {
        file.path: stored[file.path].versions[file.content_hash].id
        for file in files
        if not force and file.path in stored and file.content_hash in stored[file.path].versions
    }
    with connection.transaction():
        write_files(
            connection,
            repository_id=repository.id,
            view_id=view_id,
            model_id=repository.model_id,
            indexed=[file for file in files if file.path not in known],
            unchanged=[
                UnchangedFile(path=path, size=1, mtime_ns=1, ctime_ns=1, inode=1, blob_id=b"", version_id=version)
                for path, version in known.items()
            ],
            force=force,
        )
    with connection.transaction():
        connection.execute("select pgdex.remove_view_files(%s, %s)", [view_id, [f"f{FILES - 1 - number}"]])


def switching(repository: SyntheticRepository, view_id: int, seed: int) -> Callable[[Connection, Happened], int]:
    """A view that goes from branch to branch; returns the last one."""

    def go(connection: Connection, happened: Happened) -> int:
        dice = random.Random(seed)
        number = 0
        while time.monotonic() < happened.ends:
            number, force = dice.randrange(BRANCHES), dice.random() < 0.15
            while True:
                try:
                    switch(connection, repository, view_id, number, force=force)
                    break
                except VersionGone:  # a batch reads the files again
                    happened.note("version gone")
                except psycopg.errors.DeadlockDetected:  # a worker puts the batch back
                    happened.note("deadlock")
            happened.note("switched")
        return number

    return go


def collecting(repository: SyntheticRepository) -> Callable[[Connection, Happened], int]:
    """What workers do once a day, all the time and without waiting for anything to be old."""

    def go(connection: Connection, happened: Happened) -> int:
        while time.monotonic() < happened.ends:
            try:
                value(connection, SWEEP, repository.id)
                for _ in range(value(connection, COLLECT)):
                    happened.note("collected")
            except psycopg.errors.DeadlockDetected:
                happened.note("deadlock")
        return 0

    return go


@pytest.mark.timeout(120)
def test_views_that_switch_at_once_lose_nothing_to_a_collector_and_nobody_meets_a_deadlock(
    connection: Connection, database_url: str
) -> None:
    repository = new_repository(connection, own_table=False)
    views = [repository.view_id] + [
        int(
            value(
                connection,
                "insert into pgdex.views (repository_id, project_id, root, name, kind, is_main)"
                " values (%s, 'default', %s, 'worktree', 'worktree', false) returning id",
                *(repository.id, f"/synthetic/worktree{number}"),
            )
        )
        for number in range(3)
    ]
    roles = [switching(repository, view_id, seed) for seed, view_id in enumerate(views)]
    roles += [collecting(repository), collecting(repository)]
    happened = Happened(time.monotonic() + SECONDS)

    def run(role: Callable[[Connection, Happened], int]) -> int:
        with connect(settings_for(database_url)) as own:
            return role(own, happened)

    with ThreadPoolExecutor(len(roles)) as pool:
        last = list(pool.map(run, roles))

    assert happened.seen["deadlock"] == 0, happened.seen  # in one of some 1,000 switches, where writers wait for marks
    assert happened.seen["switched"] > 20, happened.seen
    assert happened.seen["collected"] > 20, happened.seen
    for view_id, number in zip(views, last, strict=False):
        held = connection.execute(f"{HELD} where e.view_id = %s order by 1", [view_id]).fetchall()
        assert held == [(file.path, file.content_hash) for file in branch(number)]
    value(connection, SWEEP, repository.id)
    assert_index_is_sound(connection)
    while value(connection, COLLECT):
        pass
    in_use = {(file.path, file.content_hash) for number in last[: len(views)] for file in branch(number)}
    assert value(connection, "select count(*) from pgdex.versions") == len(in_use)
    assert_index_is_sound(connection)
