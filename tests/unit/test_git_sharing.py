"""Several processes of one machine and one mirror: fetching at once, killed in the middle, removed while it is read."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pgdex.indexer.git import GitAborted, GitTimedOut, GitUrl, Limits, Mirrors
from tests.support.git_repositories import Repository, git

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from pgdex.indexer.git import GitUrl, Mirrors

mirrors = Mirrors(folder=Path(sys.argv[1]), max_bytes=int(sys.argv[4]))
url = GitUrl.parse(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
with mirrors.snapshot(url, sys.argv[3]) as snapshot:
    files = [(file.path, file.blob_id) for file in snapshot.listing() if file.skip_reason is None]
    print("listed", flush=True)
    if len(sys.argv) > 5:
        sys.stdin.readline()
    size = sum(snapshot.read(path, blob, max_file_bytes=1 << 20).size for path, blob in files)
print(len(files), size)
"""


def worker(folder: Path, url: GitUrl, commit: str, *, max_bytes: int = 1 << 30, waits: bool = False) -> "Worker":
    arguments = [str(folder), url.text, commit, str(max_bytes), *(["waits"] if waits else [])]
    return Worker(
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )


class Worker:
    """A process that reads a whole commit, one step for each line that it is sent."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.expect("ready")

    def expect(self, line: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{line}\n", self.process.communicate()

    def step(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self) -> str:
        out, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return out.split("\n")[-2]


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    return Repository.make(tmp_path / "source")


def filled(source: Repository, files: int) -> str:
    return source.commit({f"p{number % 20}/m{number}.py": f"x = {number}\n" * 50 for number in range(files)})


def folders(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name != "locks")


def test_processes_that_want_the_same_commit_fetch_it_once(source: Repository, tmp_path: Path) -> None:
    commit = filled(source, 300)
    cache = tmp_path / "cache"
    workers = [worker(cache, GitUrl.local(source.path), commit) for _ in range(4)]
    for each in workers:
        each.step()
    assert len({each.result() for each in workers}) == 1
    (mirror,) = folders(cache)
    assert len(list((cache / mirror / "objects" / "pack").glob("*.pack"))) == 1


def test_processes_that_want_different_commits_all_get_theirs(source: Repository, tmp_path: Path) -> None:
    commits = [filled(source, 50 + number) for number in range(4)]
    workers = [worker(tmp_path / "cache", GitUrl.local(source.path), commit) for commit in commits]
    for each in workers:
        each.step()
    assert [int(each.result().split()[0]) for each in workers] == [50, 51, 52, 53]
    (mirror,) = folders(tmp_path / "cache")
    assert git(tmp_path / "cache" / mirror, "fsck", "--connectivity-only") == ""


@pytest.mark.parametrize("had_one_before", [False, True])
@pytest.mark.parametrize("after", [0.0, 0.03, 0.06, 0.1, 0.15])
def test_a_process_killed_while_it_fetches_leaves_what_others_can_use(
    source: Repository, tmp_path: Path, after: float, had_one_before: bool
) -> None:
    cache = tmp_path / "cache"
    url = GitUrl.local(source.path)
    mirrors = Mirrors(folder=cache, max_bytes=1 << 30, limits=Limits(total=30))
    old = filled(source, 20)
    if had_one_before:
        mirrors.ensure(url, old)
    commit = filled(source, 600)
    victim = worker(cache, url, commit)

    victim.step()
    time.sleep(after)
    victim.process.send_signal(signal.SIGKILL)
    victim.process.wait()

    for wanted, files in ((commit, 600), (old, 20)):
        with mirrors.snapshot(url, wanted) as snapshot:
            assert len(list(snapshot.listing())) == files
    mirrors.remove_unused()
    assert len(folders(cache)) == 1
    assert not list(cache.rglob("tmp_*"))
    victim.process.communicate()


def test_a_fetch_that_was_interrupted_starts_afresh(source: Repository, tmp_path: Path) -> None:
    """What it left may be half done, and its git may still be at work in that folder."""
    cache = tmp_path / "cache"
    url = GitUrl.local(source.path)
    mirrors = Mirrors(folder=cache, max_bytes=1 << 30)
    mirrors.ensure(url, filled(source, 5))
    (name,) = folders(cache)
    (cache / name / "pgdex-fetching").touch()
    (cache / name / "shallow.lock").touch()

    commit = filled(source, 8)
    mirrors.ensure(url, commit)
    mirrors.remove_unused()

    (other,) = folders(cache)
    assert other != name
    with mirrors.snapshot(url, commit) as snapshot:
        assert len(list(snapshot.listing())) == 8


def test_a_mirror_is_not_removed_while_another_process_reads_it(source: Repository, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    url = GitUrl.local(source.path)
    commit = filled(source, 200)
    reader = worker(cache, url, commit, waits=True)
    reader.step()
    reader.expect("listed")
    (name,) = folders(cache)

    crowded = Mirrors(folder=cache, max_bytes=0)
    crowded.remove_unused()
    other = Repository.make(tmp_path / "other")
    other.commit({"a.py": "x = 1\n"})
    crowded.resolve(GitUrl.local(other.path))
    assert name in folders(cache)

    reader.step()
    assert reader.result().startswith("200 ")
    crowded.remove_unused()
    assert folders(cache) == []


def test_a_reader_goes_on_while_its_mirror_is_replaced(source: Repository, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    url = GitUrl.local(source.path)
    commit = filled(source, 200)
    reader = worker(cache, url, commit, waits=True)
    reader.step()
    reader.expect("listed")
    (name,) = folders(cache)
    (cache / name / "pgdex-fetching").touch()

    mirrors = Mirrors(folder=cache, max_bytes=1 << 30)
    mirrors.ensure(url, filled(source, 201))

    reader.step()
    assert reader.result().startswith("200 ")
    mirrors.remove_unused()
    assert len(folders(cache)) == 1
    assert folders(cache) != [name]


def test_who_waits_for_another_one_is_told_and_can_stop(source: Repository, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    url = GitUrl.local(source.path)
    first, second = filled(source, 2), filled(source, 3)
    Mirrors(folder=cache, max_bytes=1 << 30).ensure(url, first)
    (lock,) = (cache / "locks").glob("*.fetch")
    said: list[str] = []
    stop = threading.Event()
    with open(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        timer = threading.Timer(0.5, stop.set)
        timer.start()
        with pytest.raises(GitAborted):
            Mirrors(folder=cache, max_bytes=1).ensure(url, second, aborted=stop.is_set, progress=said.append)
        with pytest.raises(GitTimedOut, match="another process"):
            Mirrors(folder=cache, max_bytes=1, limits=Limits(total=0.2)).ensure(url, second)
        Mirrors(folder=cache, max_bytes=1 << 30).ensure(url, first)  # what is there is had without waiting
    assert any("another process" in line for line in said)
    Mirrors(folder=cache, max_bytes=1 << 30).ensure(url, second)


def test_a_reader_that_is_killed_leaves_no_git_behind(source: Repository, tmp_path: Path) -> None:
    reader = worker(tmp_path / "cache", GitUrl.local(source.path), filled(source, 50), waits=True)
    reader.step()
    reader.expect("listed")
    reader.process.kill()
    reader.process.communicate()
    until = time.monotonic() + 20
    while working_in(tmp_path / "cache"):
        assert time.monotonic() < until, working_in(tmp_path / "cache")
        time.sleep(0.05)
    Mirrors(folder=tmp_path / "cache", max_bytes=0).remove_unused()
    assert folders(tmp_path / "cache") == []


def working_in(folder: Path) -> list[int]:
    """The processes whose working folder lies there."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(folder)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
