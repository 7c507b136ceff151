"""No property of one file fails a job: whatever its name, times, size, kind or mode, every other file is indexed."""

import os
import socket
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.views import skipped_files
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import module, python_tree, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

FILES = 12
SECOND = 10**9
YEAR = 365 * 86_400

NAMES = st.binary(min_size=1, max_size=255).filter(lambda name: not {b"/", b"\0"} & {bytes([c]) for c in name})
TIMES = st.integers(-(1 << 34), 1 << 34)  # what ext4 and XFS hold, and beyond: some system calls refuse
SIZES = st.sampled_from([0, 1, 100, 1 << 20, (1 << 20) + 1, 1 << 34, 1 << 42])
MODES = st.integers(0, 0o7777)
CONTENTS = st.one_of(
    st.binary(max_size=400),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"\n" * 5_000, b"a" * 900_000, b"(" * 60_000, b"\xef\xbb\xbf", b"x = 1\r" * 40]),
)


@pytest.fixture
def workers(workers: Workers) -> Workers:
    workers.start()
    return workers


def run(client: Client, workers: Workers, tree: Path) -> JobStatus:
    status = wait_for_end(client, client.start(tree).job_id, workers=workers)
    assert status.status == "completed", status.error_traceback or status.error_message
    assert_index_is_sound(client.connection)
    return status


def indexed(client: Client) -> set[str]:
    return {path for (path,) in client.connection.execute("select path from pgdex.files where chunks > 0").fetchall()}


def ordinary() -> set[str]:
    return {f"package_0/module_{number}.py" for number in range(FILES)}


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def hard_link(path: Path) -> None:
    os.link(path.parent / "package_0" / "module_0.py", path)


def closed(path: Path) -> None:
    path.write_text(module(1))
    path.chmod(0)


def deep(path: Path) -> None:
    """A folder whose own path is longer than a path may be."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        for _ in range(30):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        Path("deep.py").write_text(module(2))
    finally:
        os.chdir(here)


@pytest.mark.parametrize("make", [pipe, device, listening, loop, hard_link, closed, deep])
def test_things_that_are_no_plain_files_cost_no_other_file(
    client: Client, workers: Workers, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    tree = python_tree(tmp_path / "repository", FILES)
    try:
        make(tree / "odd.py")
    except PermissionError:
        pytest.skip("this user makes no devices")

    status = run(client, workers, tree)

    assert ordinary() <= indexed(client)
    assert status.files_indexed + status.files_skipped == status.files_scanned == FILES + 1
    assert run(client, workers, tree).files_indexed == 0


def test_times_that_no_database_column_holds_are_looked_at_by_content(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", FILES)
    odd = tree / "odd.py"
    odd.write_text(module(7_001))
    seen = 0
    for seconds in (0, -1, -300 * YEAR, 430 * YEAR, 293 * YEAR):
        with suppress(OSError):  # not every file system holds all of them
            os.utime(odd, ns=(seconds * SECOND, seconds * SECOND))
            run(client, workers, tree)
            assert ordinary() | {"odd.py"} <= indexed(client)
            seen += 1
    assert seen
    again = odd.stat()
    odd.write_text(module(7_002))  # of the same size
    os.utime(odd, ns=(again.st_mtime_ns, again.st_mtime_ns))
    assert odd.stat().st_size == again.st_size
    if not -(1 << 63) <= again.st_mtime_ns < 1 << 63:
        assert run(client, workers, tree).files_indexed == 1


# One worker and one database for all examples: each has a repository of its own.
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(name=NAMES, content=CONTENTS, size=SIZES, seconds=TIMES, nanoseconds=st.integers(0, 999_999_999), mode=MODES)
@example(b"caf\xe9.py", b"x = 1\n", 100, 20_000_000_000, 0, 0o644)
@example(b"two\nlines\x1b[31m.py", b"x = 1\n", 100, -1, 5, 0)
@example("\u202e\U0001f600\ufffd.py".encode(), b"\xed\xa0\x80\n", 100, 0, 0, 0o4777)
@example(b"a" * 255, b"x = 1\n", 1 << 42, 9_223_372_036, 854_775_807, 0o644)
@example(b"\\N\t\\.", b"\\.\n\\N\t\n", 100, 9_223_372_036, 854_775_808, 0o644)
def test_a_tree_with_an_odd_file_has_all_its_other_files_indexed(
    client: Client, workers: Workers, name: bytes, content: bytes, size: int, seconds: int, nanoseconds: int, mode: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree = write_tree(Path(folder), {f"module_{number}.py": module(number) for number in range(3)})
        odd = os.path.join(os.fsencode(tree), name)
        if name in (b".", b"..") or os.path.lexists(odd):
            return
        with open(odd, "wb") as file:
            file.write(content)
            if size > len(content):
                file.truncate(size)
        with suppress(OSError, OverflowError):
            os.utime(odd, ns=(0, seconds * SECOND + nanoseconds))
        os.chmod(odd, mode)

        status = run(client, workers, tree)

        # One that is named like an ignore file may leave out others.
        if name not in (b".gitignore", b".pgdexignore"):
            rows = client.connection.execute(
                "select count(*) from pgdex.files where root = %s and path like 'module__.py' and chunks > 0",
                [str(tree)],
            ).fetchone()
            assert rows == (3,)
        left_out = list(skipped_files(client.connection, project="default", repo_path=str(tree)))
        assert status.files_skipped == len(left_out) <= 1
        assert all(file.skip_reason != "failed" for file in left_out), left_out
