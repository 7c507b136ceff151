"""Before an answer the view is looked at: with real files, real workers, and jobs that others have asked for."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pgdex.indexer.search import RelatedRequest, SearchRequest
from pgdex.indexer.sources.content import RACY_NS
from pgdex.jobs.cli.commands.search import WORDS
from pgdex.jobs.client import freshening
from pgdex.jobs.client.changes import changes_since
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.search import Found, related_code, search_code
from tests.support.databases import settings_for
from tests.support.logins import new_login
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

JOBS = "select only_paths, status from pgdex.indexing_jobs order by created_at, id"
OLD_NS = 1_700_000_000_123_456_789


@pytest.fixture
def configuration() -> dict[str, object]:
    """An embedder that is there at once, and as much time as a busy machine needs."""
    return {"embedder": "hashing", "fresh_seconds": 30}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree, not written a moment ago."""
    root = python_tree(tmp_path.resolve() / "tree", 6)
    write_tree(root, {"a.py": "def alpha():\n    return 1\n", ".gitignore": "*.log\n"})
    for folder, _, names in os.walk(root):
        for name in names:
            os.utime(os.path.join(folder, name), ns=(OLD_NS, OLD_NS))
    return root


@pytest.fixture
def indexed(client: Client, workers: Workers, tree: Path) -> Path:
    """The tree, indexed; its worker stays."""
    workers.start()
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"
    return tree


def found(client: Client, query: str, folder: Path) -> Found:
    """What a search answers to someone in a folder."""
    return search_code(client, SearchRequest(query, project_id="default"), words=WORDS, standing_in=folder)


def finds(client: Client, query: str, folder: Path) -> bool:
    return any(query in hit.content for hit in found(client, query, folder).hits)


def requested(client: Client) -> list[list[str] | None]:
    """The paths that each job after the first was limited to."""
    return [row[0] for row in client.connection.execute(JOBS)][1:]


def settled(client: Client, folder: Path) -> int:
    """Search until a search asks for no job: what was written a moment ago is looked at twice. The number of jobs."""
    for _ in range(4):
        before = len(requested(client))
        time.sleep(0.1)
        found(client, "alpha", folder)
        if len(requested(client)) == before:
            return before
    raise AssertionError(f"each search asks for a job: {requested(client)}")


# What changed


def test_a_search_knows_what_was_saved_made_renamed_and_deleted_before_it(client: Client, indexed: Path) -> None:
    write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n", "new/b.py": "def gamma_made():\n    return 3\n"})
    os.rename(indexed / "package_0", indexed / "renamed")
    gone = sorted(path.relative_to(indexed / "renamed") for path in (indexed / "renamed").rglob("*.py"))

    assert finds(client, "beta_saved", indexed)
    assert finds(client, "gamma_made", indexed)
    assert not finds(client, "alpha", indexed)
    paths = {row[0] for row in client.connection.execute("select path from pgdex.view_files")}
    assert {f"renamed/{path}" for path in gone} <= paths
    assert not {path for path in paths if path.startswith("package_0/")}
    first = requested(client)[0]
    assert first is not None
    assert {"a.py", "new/b.py", *(f"package_0/{path}" for path in gone)} <= set(first)
    settled(client, indexed)


def test_nothing_changed_asks_for_nothing(client: Client, indexed: Path) -> None:
    for _ in range(3):
        assert finds(client, "alpha", indexed)
    assert requested(client) == []


def test_an_ignore_rule_that_was_written_takes_files_out_before_the_answer(client: Client, indexed: Path) -> None:
    write_tree(indexed, {".gitignore": "*.log\na.py\n"})
    assert not finds(client, "alpha", indexed)
    write_tree(indexed, {".gitignore": "*.log\n# no more\n"})
    assert finds(client, "alpha", indexed)


def test_related_code_is_fresh_as_well(client: Client, indexed: Path) -> None:
    write_tree(indexed, {"twin.py": "def alpha():\n    return 1\n"})
    request = RelatedRequest(project_id="default", root=str(indexed), path="a.py", line=1)
    assert "twin.py" in {hit.path for hit in related_code(client, request, words=WORDS).hits}


def test_more_changes_than_that_are_asked_for_as_a_whole_and_not_waited_for(
    database_url: str, indexed: Path, client: Client
) -> None:
    write_tree(indexed, {f"many/f{number}.py": f"def many_{number}():\n    pass\n" for number in range(5)})
    with Client.open(settings_for(database_url, embedder="hashing", fresh_seconds=30, fresh_files=4)) as hasty:
        began = time.monotonic()
        found(hasty, "many_3", indexed)
        assert time.monotonic() - began < 20
        assert requested(client) == [None]
        wait_for(lambda: finds(client, "many_3", indexed), what="the job that was asked for")


def test_no_look_is_taken_where_it_is_switched_off(database_url: str, indexed: Path) -> None:
    write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n"})
    with Client.open(settings_for(database_url, embedder="hashing", fresh_seconds=0)) as stale:
        answer = found(stale, "alpha", indexed)
        assert requested(stale) == []
    assert any("have changed or gone since they were indexed" in note for note in answer.notes)


# Files of which a job learns nothing


@pytest.mark.parametrize(
    ("reason", "detail"), [("failed", "ValueError: x"), ("crashed", "it ended two workers"), ("vanished", None)]
)
def test_what_each_job_looks_at_again_is_not_looked_at_before_each_answer(
    client: Client, indexed: Path, reason: str, detail: str | None
) -> None:
    client.connection.execute(
        "update pgdex.view_files set version_id = null, skip_reason = %s, skip_detail = %s, size = null,"
        " mtime_ns = null, ctime_ns = null, inode = null where path = 'a.py'",
        [reason, detail],
    )
    # A file that had vanished and is there again is one to index; what crashes workers is not tried for each search.
    assert settled(client, indexed) == (1 if reason == "vanished" else 0)


def test_secrets_and_names_that_secrets_have_settle(client: Client, indexed: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 8 + "-----END PRIVATE KEY-----\n"
    write_tree(indexed, {".env": "TOKEN=x\n", "config/secrets.py": "x = 1\n", "notes.txt": key, "id_rsa": key})
    settled(client, indexed)


def test_a_line_in_pgdexignore_brings_a_secret_back_before_the_answer(client: Client, indexed: Path) -> None:
    write_tree(indexed, {".env": "API_TOKEN=zanzibar_fixture_value\n"})
    settled(client, indexed)
    write_tree(indexed, {".pgdexignore": "!.env\n"})
    assert finds(client, "zanzibar_fixture_value", indexed)


def test_a_name_that_no_database_holds_hinders_no_other_file(client: Client, indexed: Path) -> None:
    with open(os.fsencode(indexed) + b"/caf\xe9.py", "w") as file:
        file.write("x = 1\n")
    write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n"})
    assert finds(client, "beta_saved", indexed)
    settled(client, indexed)


# Others


def test_many_sessions_at_once_cause_one_job(client: Client, indexed: Path, database_url: str) -> None:
    write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n"})
    os.utime(indexed / "a.py", ns=(OLD_NS + 7, OLD_NS + 7))
    settings = settings_for(database_url, embedder="hashing", fresh_seconds=30)

    def session() -> bool:
        with Client.open(settings) as own:
            return finds(own, "beta_saved", indexed)

    with ThreadPoolExecutor(6) as pool:
        assert all(future.result() for future in [pool.submit(session) for _ in range(6)])
    assert requested(client) == [["a.py"]]


def test_a_change_after_the_scan_of_a_job_that_is_under_way_is_not_missed(
    client: Client, indexed: Path, workers: Workers
) -> None:
    first = _enqueued(client, indexed, ["a.py"])
    with _held(client, workers):
        write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n"})
        with ThreadPoolExecutor(1) as pool, Client.open(client.settings) as other:
            searching = pool.submit(finds, other, "beta_saved", indexed)
            time.sleep(0.3)
            workers.wake(workers.processes[0])
            assert searching.result()
    assert client.status(first).is_final


def test_a_job_that_is_cancelled_for_one_of_the_whole_tree_is_not_the_last_word(
    client: Client, indexed: Path, workers: Workers
) -> None:
    workers.stop()
    write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n"})
    with ThreadPoolExecutor(1) as pool, Client.open(client.settings) as other:
        searching = pool.submit(finds, other, "beta_saved", indexed)
        wait_for(lambda: requested(client), what="the job of the search")
        client.connection.execute("select pgdex.cancel_job(id) from pgdex.indexing_jobs where status = 'pending'")
        workers.start()
        assert searching.result()


def test_a_job_that_may_still_be_waiting_for_a_worker_holds_no_search_up_where_nothing_has_changed(
    client: Client, indexed: Path, workers: Workers
) -> None:
    settled(client, indexed)
    workers.stop()
    job = _enqueued(client, indexed, None)
    began = time.monotonic()
    answer = found(client, "alpha", indexed)
    assert time.monotonic() - began < 20  # of the 30 s that it might wait
    assert not any("being indexed" in note for note in answer.notes)
    assert client.status(job).status == "pending"

    write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n"})
    with Client.open(client.settings.with_values(fresh_seconds=0.5)) as hasty:
        assert any("being indexed" in note for note in found(hasty, "alpha", indexed).notes)


@contextmanager
def _held(client: Client, workers: Workers) -> Iterator[None]:
    workers.pause(workers.processes[0])
    try:
        yield
    finally:
        workers.wake(workers.processes[0])


def _enqueued(client: Client, root: Path, paths: list[str] | None) -> UUID:
    row = client.connection.execute("select pgdex.enqueue_job(%s, paths => %s)", [str(root), paths]).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_a_whole_job_that_is_under_way_is_waited_for_unless_it_has_many_files_to_index(
    client: Client, indexed: Path, workers: Workers, database_url: str
) -> None:
    write_tree(indexed, {f"many/f{number}.py": f"def many_{number}():\n    pass\n" for number in range(5)})
    time.sleep(2 * RACY_NS / 1e9)  # else they are read once more, since a later write might not show
    whole = _enqueued(client, indexed, None)
    assert finds(client, "many_3", indexed)
    assert client.status(whole).is_final
    assert len(requested(client)) == 1

    write_tree(indexed, {f"more/f{number}.py": f"def more_{number}():\n    pass\n" for number in range(5)})
    workers.pause(workers.processes[0])
    with Client.open(settings_for(database_url, embedder="hashing", fresh_seconds=30, fresh_files=4)) as hasty:
        job = _enqueued(client, indexed, None)
        client.connection.execute("alter table pgdex.indexing_jobs disable trigger user")
        client.connection.execute("update pgdex.indexing_jobs set files_to_index = 5 where id = %s", [job])
        began = time.monotonic()
        assert finds(hasty, "many_3", indexed)
        assert time.monotonic() - began < 10


def test_a_reader_and_a_cluster_without_workers_get_their_answer_at_once_or_in_time(
    client: Client, workers: Workers, indexed: Path, database_url: str
) -> None:
    write_tree(indexed, {"b.py": "def beta_saved():\n    return 2\n"})
    with (
        new_login(database_url, "pgdex_reader") as url,
        Client.open(settings_for(url, embedder="hashing", fresh_seconds=30)) as reader,
    ):
        assert finds(reader, "alpha", indexed)
        assert requested(client) == []
    workers.stop()
    with Client.open(settings_for(database_url, embedder="hashing", fresh_seconds=1)) as alone:
        began = time.monotonic()
        assert finds(alone, "alpha", indexed)
        assert 1 <= time.monotonic() - began < 10
    assert requested(client) == [["b.py"]]


def test_a_job_that_waits_for_an_embedding_service_is_not_waited_for(client: Client, indexed: Path) -> None:
    job = _enqueued(client, indexed, ["a.py"])
    wait_for(lambda: client.status(job).is_final, what="the job")
    client.connection.execute("alter table pgdex.indexing_jobs disable trigger user")
    client.connection.execute(
        "update pgdex.indexing_jobs set status = 'blocked', completed_at = null, summary = null,"
        " blocked_reason = 'no answer', next_probe_at = now() where id = %s",
        [job],
    )
    began = time.monotonic()
    assert finds(client, "alpha", indexed)
    assert time.monotonic() - began < 10


def test_a_walk_that_takes_too_long_is_given_up_and_said_and_once_a_minute_a_job_walks(
    client: Client, database_url: str, indexed: Path
) -> None:
    write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n"})
    with Client.open(settings_for(database_url, embedder="hashing", fresh_seconds=0.000_001)) as hasty:
        answer = found(hasty, "alpha", indexed)
        assert any(f"looking for changes in {indexed} takes longer than 1e-06 s" in note for note in answer.notes)
        assert requested(hasty) == []
        client.connection.execute("update pgdex.views set last_indexed_at = now() - interval '61 seconds'")
        found(hasty, "alpha", indexed)
        assert requested(hasty) == [None]
        wait_for(lambda: finds(client, "beta_saved", indexed), what="the job that was asked for")
        found(hasty, "alpha", indexed)
        # What was written just before that job is read once more, by a job for the one file.
        assert requested(hasty).count(None) == 1


def test_a_broad_folder_that_was_meant_is_fresh_as_well(client: Client, indexed: Path) -> None:
    client.connection.execute(
        "create or replace function pgdex.broad_folder(path text) returns text language sql as"
        " $$ select 'a home folder' $$"
    )
    write_tree(indexed, {"a.py": "def beta_saved():\n    return 2\n"})
    assert finds(client, "beta_saved", indexed)


def test_a_tree_that_can_t_be_walked_in_the_time_is_not_walked_for_each_of_the_next_searches(
    database_url: str, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def counted(*arguments: Any, **named: Any) -> list[str]:
        looks.append(named["root"])
        return changes_since(*arguments, **named)

    monkeypatch.setattr(freshening, "changes_since", counted)
    with Client.open(settings_for(database_url, embedder="hashing", fresh_seconds=0.000_001)) as hasty:
        notes = [found(hasty, "alpha", indexed).notes for _ in range(2)]  # the rest is over before the second
        assert len(looks) == 2
        monkeypatch.setattr(freshening, "REST_FOR_EACH_SECOND", 60 / 0.000_001)
        notes += [found(hasty, "alpha", indexed).notes for _ in range(3)]
    assert len(looks) == 3
    assert all(any("takes longer than 1e-06 s" in note for note in of_one) for of_one in notes)
