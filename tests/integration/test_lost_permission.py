"""A repository, or a folder in it, that its workers may no longer read while they index it."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from tests.support.databases import MEMORY
from tests.support.embedding_server import EmbeddingServer
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import COMMAND, Workers
from tests.unit.privileges import NOBODY

# Permissions do not bind root, for two capabilities. What is started without them is bound like everyone, and may
# still run a Python that lies in root's home, as another user might not.
BOUND = (
    sys.executable,
    "-c",
    "import ctypes, os, sys; prctl = ctypes.CDLL(None).prctl;"
    " drop, dac_override, dac_read_search = 24, 1, 2;"
    " prctl(drop, dac_override); prctl(drop, dac_read_search);"
    " os.execv(sys.argv[1], sys.argv[1:])",
)
FILES = 100  # module_0 to module_49 in package_0, the others in package_1


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    return {**service_configuration, "batch_files": 8}


@pytest.fixture
def tree() -> Iterator[Path]:
    """A source tree that every user may read, which can't be said of pytest's folders."""
    with tempfile.TemporaryDirectory(prefix="pgdex-tree-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        tree = python_tree(Path(folder) / "repository", FILES)
        if os.geteuid() == 0:  # an owner is bound by permissions of his own
            for path in (tree, *tree.rglob("*")):
                os.chown(path, NOBODY, -1)
        yield tree


@pytest.fixture
def workers(workers: Workers, tree: Path) -> Iterator[Workers]:
    if os.geteuid() != 0:
        yield workers
        return
    if not is_bound(tree.parent):
        pytest.skip("the tests run as root, and nothing here can start a worker that permissions bind")
    workers.command = (*BOUND, *COMMAND)
    # A second name of a socket has to be in the same file system, in memory or on the disk.
    base = MEMORY if f"host={MEMORY}/" in workers.database_url else "/tmp"
    with tempfile.TemporaryDirectory(prefix="pgdex-socket-", dir=base) as folder:
        Path(folder).chmod(0o755)
        workers.database_url = with_open_agent(workers.database_url, Path(folder))
        yield workers


def is_bound(folder: Path) -> bool:
    """Whether permissions bind what is started with BOUND."""
    closed = folder / "closed"
    closed.touch(mode=0)
    os.chown(closed, NOBODY, -1)
    code = f"import os; print(os.access({str(closed)!r}, os.R_OK))"
    command = [sys.executable, "-c", code]
    asked = subprocess.run([*BOUND, *command], capture_output=True, text=True, check=False)
    return sys.platform == "linux" and asked.stdout.strip() == "False"


def with_open_agent(database_url: str, folder: Path) -> str:
    """The database's URL for who may not enter the folder of an embedded server, which only its OS user may: a second
    name for its socket."""
    host = conninfo_to_dict(database_url).get("host")
    if not isinstance(host, str) or not host.startswith("/"):
        return database_url
    for socket in Path(host).glob(".s.PGSQL.*"):
        if socket.is_socket():
            os.link(socket, folder / socket.name)
            socket.chmod(0o777)
    return database_url.replace(host, str(folder))


def begun(client: Client, tree: Path, workers: Workers, service: EmbeddingServer) -> JobStatus:
    """A job that is through with its first batches, and has some time to go."""
    service.fail("slow", latency_ms=200)
    job = client.start(tree).job_id
    workers.start()
    wait_for(lambda: client.status(job).files_indexed >= 8, what="a first part of the job")
    return client.status(job)


def stored(client: Client) -> tuple[int, dict[str | None, int]]:
    """How many files are searchable, and how many are left out for which reason."""
    rows = client.connection.execute("select skip_reason, count(*) from pgdex.files group by skip_reason").fetchall()
    reasons: dict[str | None, int] = dict(rows)
    return reasons.pop(None, 0), reasons


def test_a_repository_that_may_no_longer_be_read_fails_the_job_clearly_and_keeps_what_was_done(
    client: Client, workers: Workers, service: EmbeddingServer, tree: Path
) -> None:
    job = begun(client, tree, workers, service)
    tree.chmod(0)
    try:
        failed = wait_for_end(client, job.job_id, workers=workers)
    finally:
        tree.chmod(0o755)

    assert (failed.status, failed.error_type) == ("failed", "RootUnavailable")
    # Whether a file's turn or a batch's turn comes first decides who says it.
    assert re.search(
        rf"{tree} (cannot be read: permission denied|can't be read by this user)", failed.error_message or ""
    )
    assert 8 <= failed.files_indexed < FILES
    assert stored(client) == (failed.files_indexed, {}), "no file is noted as unreadable because its whole tree is"
    assert_index_is_sound(client.connection)
    assert workers.processes[0].poll() is None

    service.recover()
    again = wait_for_end(client, client.start(tree).job_id, workers=workers)
    assert (again.status, again.files_unchanged) == ("completed", failed.files_indexed)
    assert again.files_indexed + again.files_unchanged == FILES


def test_a_folder_within_that_may_no_longer_be_read_costs_its_remaining_files_until_it_may_be(
    client: Client, workers: Workers, service: EmbeddingServer, tree: Path
) -> None:
    job = begun(client, tree, workers, service)
    closed = tree / "package_1"
    closed.chmod(0)
    try:
        ended = wait_for_end(client, job.job_id, workers=workers)
        while_closed = wait_for_end(client, client.start(tree).job_id, workers=workers)
    finally:
        closed.chmod(0o755)

    assert (ended.status, ended.files_indexed + ended.files_skipped) == ("completed", FILES)
    assert ended.summary is not None
    assert ended.summary["skipped_by_reason"] == {"unreadable": ended.files_skipped}
    assert ended.files_skipped > 0
    assert while_closed.status == "completed"
    assert stored(client)[0] == ended.files_indexed, "what was indexed of the folder before is kept"
    assert_index_is_sound(client.connection)

    again = wait_for_end(client, client.start(tree).job_id, workers=workers)
    assert again.status == "completed"
    assert stored(client) == (FILES, {})
