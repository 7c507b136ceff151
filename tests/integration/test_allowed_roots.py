"""Paths and room are checked before a job is made, and again by the worker that does it."""

import os
import pwd
import socket
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.errors import InvalidRequest
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    (tmp_path / "allowed").mkdir()
    return tmp_path / "allowed"


@pytest.fixture
def configuration(allowed: Path) -> dict[str, object]:
    return {"allowed_roots": str(allowed)}


@pytest.fixture
def workers(workers: Workers) -> Workers:
    workers.start()
    return workers


def count_of_jobs(client: Client) -> object:
    return client.connection.execute(
        "select (select count(*) from pgdex.indexing_jobs), (select count(*) from pgdex.repositories)"
    ).fetchone()


def test_a_folder_outside_is_refused_before_a_row_is_written(client: Client, tmp_path: Path) -> None:
    outside = python_tree(tmp_path / "outside", 2)
    with pytest.raises(InvalidRequest, match="PGDEX_ALLOWED_ROOTS"):
        client.start(outside)
    with pytest.raises(InvalidRequest, match="there is no folder"):
        client.start(tmp_path / "missing")
    assert count_of_jobs(client) == (0, 0)


def test_a_worker_does_not_index_what_plain_sql_asks_for_outside(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    outside = python_tree(tmp_path / "outside", 2)
    row = client.connection.execute("select pgdex.enqueue_job(%s)", [str(outside)]).fetchone()
    assert row is not None

    status = wait_for_end(client, row[0], workers=workers)

    assert (status.status, status.error_type) == ("failed", "RootUnavailable")
    assert "outside of the folders that may be indexed" in (status.error_message or "")
    # Which machine, and whose rights: what can't be seen is seen elsewhere, or by somebody else.
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert f"(a worker on {socket.gethostname()} as {user} says so)" in (status.error_message or "")
    assert client.connection.execute("select count(*) from pgdex.files").fetchone() == (0,)


def test_a_folder_that_was_swapped_for_a_link_after_the_request_is_not_followed_out(
    client: Client, workers: Workers, allowed: Path, tmp_path: Path
) -> None:
    secret = python_tree(tmp_path / "secret", 2)
    python_tree(allowed / "repository", 2)
    assert wait_for_end(client, client.start(allowed / "repository").job_id, workers=workers).files_indexed == 2
    (allowed / "repository").rename(allowed / "moved")
    (allowed / "repository").symlink_to(secret)
    row = client.connection.execute("select pgdex.enqueue_job(%s)", [str(allowed / "repository")]).fetchone()
    assert row is not None

    status = wait_for_end(client, row[0], workers=workers)

    assert status.status == "failed"
    assert f"leads to {secret}" in (status.error_message or "")


def test_a_folder_that_disappears_in_the_middle_fails_the_job_and_keeps_the_index(
    client: Client, workers: Workers, allowed: Path
) -> None:
    tree = python_tree(allowed / "repository", 3_000)
    job = client.start(tree).job_id
    wait_for(lambda: client.status(job).files_indexed >= 64, what="a first part of the job")
    tree.rename(allowed / "moved")

    status = wait_for_end(client, job, workers=workers)

    assert status.status == "failed"
    assert str(tree) in (status.error_message or "")
    assert "there is no folder" in (status.error_message or "") or "does not exist" in (status.error_message or "")
    stored = client.connection.execute(
        "select count(*) filter (where chunks > 0), count(*) filter (where skip_reason is not null) from pgdex.files"
    ).fetchone()
    assert stored == (status.files_indexed, 0), "no file is noted as vanished because its whole tree has"
    assert_index_is_sound(client.connection)
