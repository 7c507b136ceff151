"""What the system reports of real files, on the file system of the tests; and where it reports nothing."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgdex.indexer.sources import CachedRules
from pgdex.jobs.watching.events import Events
from pgdex.jobs.watching.file_systems import Mount, mounts, unreported_mount
from pgdex.jobs.watching.git_marks import git_marks
from pgdex.jobs.watching.pending import EVERYTHING, Change
from pgdex.jobs.watching.polling import Polling
from pgdex.jobs.watching.turn import lock_key
from tests.support.documents import without_packages
from tests.support.trees import python_tree, write_tree

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home/ada/remote\\040disk rw shared:7 - nfs4 server:/export rw
31 22 0:41 / /home/ada/ssh rw - fuse.sshfs host:/ rw
32 30 8:2 / /home/ada/remote\\040disk/local rw - xfs /dev/sdb1 rw
33 22 0:42 / /home/ada/usb rw - fuseblk /dev/sdc1 rw
34 22 0:43 / /over rw - nfs server:/x rw
35 22 8:3 / /over rw - btrfs /dev/sdd1 rw
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A git repository."""
    root = python_tree(tmp_path.resolve() / "tree", 3)
    write_tree(root, {".gitignore": "build/\n", "node_modules/m/i.js": "x\n", "build/o.py": "x = 1\n"})
    git(root, "init", "--quiet")
    return root


@pytest.fixture
def events(tree: Path) -> Iterator[Events]:
    """What is reported of the tree from now on."""
    events = Events(CachedRules(tree, max_file_bytes=1 << 20))
    yield events
    events.close()


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def reported(events: Events, *, until: Callable[[Change], bool] = lambda _: True) -> Change:
    """All that is reported until `until` says of it that it is enough, or for five seconds."""
    change = Change(frozenset())
    end = time.monotonic() + 5
    while time.monotonic() < end and not (change != Change(frozenset()) and until(change)):
        if (more := events.read(timeout_seconds=0.5)) is not None:
            change |= more
    return change


def test_a_file_that_is_written_renamed_or_removed_is_named(tree: Path, events: Events) -> None:
    (tree / "package_0" / "new.py").write_text("x = 1\n")
    assert reported(events) == Change(frozenset({"package_0/new.py"}))
    os.replace(tree / "package_0" / "new.py", tree / "package_0" / "newer.py")
    (tree / "package_0" / "module_0.py").unlink()
    named = frozenset({"package_0/new.py", "package_0/newer.py", "package_0/module_0.py"})
    assert reported(events, until=lambda change: change.paths == named) == Change(named)


def test_what_no_index_has_is_not_reported(tree: Path, events: Events) -> None:
    for number in range(200):
        write_tree(tree, {f"node_modules/m/{number}.js": "x\n", f"build/{number}.py": "x = 1\n"})
        write_tree(tree, {f".git/objects/{number}": "x\n"})
    assert events.read(timeout_seconds=1) is None


def test_a_folder_that_is_made_later_is_watched_with_all_that_is_in_it(tree: Path, events: Events) -> None:
    write_tree(tree, {"a/b/c/d.py": "x = 1\n"})
    first = reported(events)
    assert first.paths is None or "a" in first.paths
    (tree / "a" / "b" / "c" / "e.py").write_text("x = 1\n")
    assert reported(events) == Change(frozenset({"a/b/c/e.py"}))
    shutil.rmtree(tree / "a")
    assert "a" in (reported(events, until=lambda change: "a" in (change.paths or ())).paths or ())


def test_a_rule_that_changes_is_a_change_of_everything(tree: Path, events: Events) -> None:
    (tree / ".gitignore").write_text("package_0/\n")
    assert reported(events) == EVERYTHING
    (tree / "package_0" / "module_0.py").write_text("y = 1\n")
    assert events.read(timeout_seconds=0.5) is None
    (tree / "build" / "o.py").write_text("y = 1\n")
    assert reported(events) == Change(frozenset({"build/o.py"}))
    (tree / ".git" / "info" / "exclude").write_text("build/\n")
    assert reported(events) == EVERYTHING


def test_a_checkout_of_10_000_files_is_one_change(tree: Path) -> None:
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "few")
    git(tree, "checkout", "--quiet", "-b", "many")
    python_tree(tree / "many", 10_000)
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "many")
    events = Events(CachedRules(tree, max_file_bytes=1 << 20))
    try:
        for branch in ("-", "-"):
            git(tree, "checkout", "--quiet", branch)
            assert reported(events) == EVERYTHING
            assert events.read(timeout_seconds=1) is None
    finally:
        events.close()


def test_a_checkout_is_seen_in_a_linked_worktree_too(tree: Path) -> None:
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "one")
    linked = tree.parent / "linked"
    git(tree, "worktree", "add", "--quiet", str(linked))
    marks = git_marks(os.fsencode(linked))
    assert all(os.path.exists(path) for path in marks.checkout)
    assert all(path.startswith(os.fsencode(tree / ".git" / "worktrees")) for path in marks.checkout)
    assert marks.rules == {os.fsencode(tree / ".git" / "info" / "exclude")}
    below = git_marks(os.fsencode(linked / "package_0"))
    names = (".gitignore", ".pgdexignore")
    assert below.rules == marks.rules | {os.fsencode(linked / name) for name in names}
    git(linked, "commit", "--quiet", "--allow-empty", "--message", "two")
    events = Events(CachedRules(linked, max_file_bytes=1 << 20))
    try:
        git(linked, "reset", "--quiet", "--mixed", "HEAD~1")
        assert reported(events) == EVERYTHING
    finally:
        events.close()


def test_a_repository_that_is_made_later_or_made_again_says_which_files_count(tree: Path) -> None:
    shutil.rmtree(tree / ".git")
    events = Events(CachedRules(tree, max_file_bytes=1 << 20))
    try:
        for _ in range(2):
            git(tree, "init", "--quiet")
            assert reported(events) == EVERYTHING
            git(tree, "add", "--force", "build/o.py")
            assert reported(events) == EVERYTHING
            shutil.rmtree(tree / ".git")
            assert reported(events) == EVERYTHING
    finally:
        events.close()


def test_the_ignore_files_of_the_repository_around_a_folder_count(tree: Path) -> None:
    events = Events(CachedRules(tree / "package_0", max_file_bytes=1 << 20))
    try:
        (tree / ".gitignore").write_text("module_0.py\n")
        assert reported(events) == EVERYTHING
        (tree / "of_nobody.py").write_text("x = 1\n")
        assert events.read(timeout_seconds=1) is None
    finally:
        events.close()


def test_a_status_that_writes_the_index_is_no_change_and_what_git_tracks_from_now_on_is_one(tree: Path) -> None:
    write_tree(tree, {".gitignore": "*.out\n", "made.out": "x = 1\n"})
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "one")
    events = Events(CachedRules(tree, max_file_bytes=1 << 20))
    try:
        file = next(tree.rglob("*.py"))
        os.utime(file, ns=(1, 1))
        assert reported(events) == Change(frozenset({str(file.relative_to(tree))}))
        before = (tree / ".git" / "index").stat().st_mtime_ns
        git(tree, "status")
        assert (tree / ".git" / "index").stat().st_mtime_ns != before
        assert events.read(timeout_seconds=1) is None
        git(tree, "add", "--force", "made.out")
        assert reported(events) == EVERYTHING
    finally:
        events.close()


@pytest.mark.parametrize("seed", range(6))
def test_nothing_that_two_walks_tell_apart_goes_unreported(tree: Path, seed: int) -> None:
    chance = random.Random(seed)
    polling = Polling(tree, max_file_bytes=1 << 20, heeds_git=True)
    events = Events(CachedRules(tree, max_file_bytes=1 << 20))
    try:
        polling.look()
        for number in range(4):
            for step in range(chance.randrange(1, 12)):
                change_something(tree, chance, f"{number}_{step}")
            change = Change(frozenset())
            while (more := events.read(timeout_seconds=0.5)) is not None:
                change |= more
            differing = polling.look()
            if differing is None or change.paths is None:
                continue
            assert differing.paths is not None
            around = {path: {path, *map(str, Path(path).parents)} for path in differing.paths}
            assert [path for path, names in around.items() if not names & change.paths] == []
    finally:
        events.close()


def change_something(tree: Path, chance: random.Random, label: str) -> None:
    """One thing that an editor, a build or a person does."""
    folders = [tree, *(path for path in sorted(tree.rglob("*")) if path.is_dir() and ".git" not in path.parts)]
    files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    folder, file = chance.choice(folders), chance.choice([*files, tree / "first.py"])
    match chance.randrange(7):
        case 0:
            file.write_text(f"changed = {label!r}\n")
        case 1:
            write_tree(folder, {f"made_{label}/deep/er/{chance.choice('abc')}.py": f"x = {label!r}\n"})
        case 2 if folder != tree:
            folder.rename(tree / f"moved_{label}")
        case 3 if folder != tree:
            shutil.rmtree(folder)
        case 4:
            (folder / ".gitignore").write_text(f"moved_{chance.randrange(4)}_*\n/{chance.choice('abc')}.py\n")
        case 5:
            file.unlink(missing_ok=True)
        case _:
            write_tree(folder, {f"new_{label}.py": f"x = {label!r}\n"})


def test_a_name_that_is_not_utf_8_does_not_end_the_watch(tree: Path, events: Events) -> None:
    with open(os.fsencode(tree) + b"/caf\xe9.py", "w") as file:
        file.write("x = 1\n")
    events.read(timeout_seconds=1)
    (tree / "after.py").write_text("x = 1\n")
    seen = reported(events)
    assert seen.paths is None or "after.py" in seen.paths


@pytest.mark.skipif(sys.platform != "linux", reason="inotify alone has a limit for each folder")
def test_a_tree_of_more_folders_than_may_be_watched_is_looked_through_and_says_which_limit_it_is(tree: Path) -> None:
    for number in range(30):
        (tree / "many" / str(number)).mkdir(parents=True)
    program = """
import sys, time
from pathlib import Path
Path("/proc/sys/user/max_inotify_watches").write_text("20")
from pgdex.jobs.watching.eyes import Eyes
root, changes, said = Path(sys.argv[1]), [], []
eyes = Eyes(
    root, max_file_bytes=1000, heeds_git=True, poll_seconds=0.2,
    changed=changes.append, says=lambda how, why: said.append(f"{how}: {why}"), gone=lambda: None,
)
eyes.open()
end = time.monotonic() + 30
while not changes and time.monotonic() < end: time.sleep(0.05)
(root / "late.py").write_text("x = 1")
while len(changes) < 2 and time.monotonic() < end: time.sleep(0.05)
print(*said, *(change.paths for change in changes), sep="\\n")
"""
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", program, str(tree)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    if "unshare" in done.stderr or "PermissionError" in done.stderr:
        pytest.skip("this system lets nobody have limits of their own")
    how, *changes = done.stdout.splitlines()
    assert how.startswith("polling: "), done.stdout + done.stderr
    assert "max_user_watches" in how
    assert changes == ["None", "frozenset({'late.py'})"]


def test_polling_names_a_document_whoever_can_read_it(tree: Path) -> None:
    (tree / "a.pdf").write_bytes(b"%PDF-1.7\n")
    polling = Polling(tree, max_file_bytes=1 << 20, heeds_git=True)
    with without_packages("pypdf"):
        assert polling.look() is None
        (tree / "a.pdf").write_bytes(b"%PDF-1.7\nmore\n")
        assert polling.look() == Change(frozenset({"a.pdf"}))


def test_polling_names_what_changed_between_two_walks(tree: Path) -> None:
    polling = Polling(tree, max_file_bytes=1 << 20, heeds_git=True)
    assert polling.look() is None
    assert polling.look() is None
    (tree / "package_0" / "module_0.py").write_text("changed = 1\n")
    (tree / "package_0" / "module_1.py").unlink()
    write_tree(tree, {"new.py": "x = 1\n", "build/ignored.py": "x = 1\n"})
    assert polling.look() == Change(frozenset({"package_0/module_0.py", "package_0/module_1.py", "new.py"}))
    assert polling.look() is None


def test_network_and_user_space_file_systems_are_known_by_their_mounts() -> None:
    known = mounts(MOUNTINFO)
    assert known[1] == Mount("/home/ada/remote disk", "nfs4", "0:40 /")

    def kind(root: str) -> str | None:
        mount = unreported_mount(root, known)
        return mount.kind if mount else None

    assert kind("/home/ada/remote disk/project") == "nfs4"
    assert kind("/home/ada/remote disk/local/project") is None
    assert kind("/home/ada/ssh") == "fuse.sshfs"
    assert kind("/home/ada/usb/project") is None
    assert kind("/home/ada/remote") is None
    assert kind("/home/ada") == "nfs4"  # a part of it lies there
    assert kind("/over/project") is None  # the later mount lies above


def test_each_folder_project_and_machine_has_a_lock_of_its_own() -> None:
    keys = {
        lock_key(project=project, root=root, machine=machine)
        for project in ("default", "web")
        for root in ("/a", "/b")
        for machine in ("one boot", "two boot")
    }
    assert len(keys) == 8
    assert all(-(1 << 31) <= key < 1 << 31 for key in keys)
