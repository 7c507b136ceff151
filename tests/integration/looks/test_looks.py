"""A process that stays looks only at what was reported since its last look, and finds what a whole walk finds."""

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgdex.indexer.sources import RootUnavailable
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.views import innermost_view
from pgdex.jobs.watching import Looks, file_systems, looks, reports
from pgdex.jobs.watching.file_systems import Mount
from tests.integration.looks.scene import Scene, counting, fresh_tree
from tests.support.sql_worker import enqueue

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads inotify's queue, which only Linux has")

FOLDERS = ("", "a", "a/b", "new", "left")
NAMES = ("one.py", "two.py", "x.log", ".gitignore", ".pgdexignore", ".git", "b")

paths = st.builds(os.path.join, st.sampled_from(FOLDERS), st.sampled_from(NAMES))
folders = st.sampled_from(FOLDERS[1:])
steps = st.one_of(
    st.tuples(st.just("write"), paths, st.sampled_from(["x = 4\n", "*.py\n", "!left/\n", "gitdir: nowhere\n"])),
    st.tuples(st.just("delete"), st.one_of(paths, folders), st.none()),
    st.tuples(st.just("rename"), st.one_of(paths, folders), st.one_of(paths, folders)),
    st.tuples(st.just("touch"), paths, st.none()),
    st.tuples(st.just("link"), paths, paths),
    st.tuples(st.just("job"), paths, st.none()),
    st.tuples(st.just("look"), st.none(), st.none()),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(done=st.lists(steps, min_size=1, max_size=12))
def test_whatever_happens_in_a_tree_a_look_finds_what_a_walk_of_everything_finds(
    scene: Scene, done: list[tuple[str, Any, Any]]
) -> None:
    fresh_tree(scene.root)
    remembered = Looks()
    with scene.client.connection.transaction(force_rollback=True):
        scene.note()
        assert scene.look(remembered) == scene.whole() == []
        for what, path, other in done:
            happen(scene, what, path, other)
            if what == "look":
                assert scene.look(remembered) == scene.whole()
        assert scene.look(remembered) == scene.whole()
        assert scene.look(remembered) == scene.whole()
    remembered.close()


def happen(scene: Scene, what: str, path: Any, other: Any) -> None:
    """Do one thing; nothing where it can't be done."""
    try:
        if what == "write":
            scene.write(path, other)
        elif what == "delete":
            target = scene.root / path
            shutil.rmtree(target) if target.is_dir() and not target.is_symlink() else target.unlink()
        elif what == "rename":
            (scene.root / other).parent.mkdir(parents=True, exist_ok=True)
            os.rename(scene.root / path, scene.root / other)
        elif what == "touch":
            os.utime(scene.root / path, ns=(1, 1))
        elif what == "link":
            (scene.root / path).symlink_to(scene.root / other)
        elif what == "job":  # of another machine, which has the file otherwise
            connection = scene.client.connection
            known = "path = %s and mtime_ns is not null"
            connection.execute(f"update pgdex.view_files set mtime_ns = 7 where {known}".encode(), [path])
            connection.execute("select pgdex.enqueue_job(%s, paths => %s)", [str(scene.root), [path]])
    except OSError:
        return


def test_where_nothing_happened_no_file_is_looked_at(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = counting(monkeypatch)
    assert scene.look(remembered) == []
    monkeypatch.setattr(looks, "changes_since", None)
    for _ in range(3):
        assert scene.look(remembered) == []
    scene.write("left/two.py")  # nobody watches what is left out
    assert scene.look(remembered) == []
    assert len(walks) == 1


def test_what_was_saved_just_before_is_found_without_another_walk_and_until_it_is_indexed(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = counting(monkeypatch)
    assert scene.look(remembered) == []
    for number in range(50):
        path = f"deep/{number % 7}/f{number}.py"
        scene.write(path)
        assert path in scene.look(remembered)
    assert len(scene.look(remembered)) == 50
    scene.note()
    assert scene.look(remembered) == []
    assert len(walks) == 1


def test_after_a_job_of_the_whole_tree_and_after_ten_minutes_everything_is_walked(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = counting(monkeypatch)
    scene.look(remembered)
    scene.client.connection.execute("update pgdex.view_files set size = 99 where path = 'one.py'")
    assert scene.look(remembered) == []
    enqueue(scene.client.connection, str(scene.root))
    scene.client.connection.execute("select pgdex.cancel_job(id) from pgdex.indexing_jobs where status = 'pending'")
    assert scene.look(remembered) == ["one.py"]
    assert len(walks) == 2
    monkeypatch.setattr(looks, "TRUSTED_SECONDS", 0.0)
    scene.look(remembered)
    scene.look(remembered)
    assert len(walks) >= 3


def test_a_folder_that_was_moved_out_of_sight_and_made_again_is_watched(scene: Scene, remembered: Looks) -> None:
    assert scene.look(remembered) == []
    os.rename(scene.root / "a", scene.root / "left" / "a")
    scene.write("a/one.py", "x = 2\n")
    scene.look(remembered)
    scene.note()
    assert scene.look(remembered) == []
    scene.write("a/new.py")
    assert scene.look(remembered) == ["a/new.py"]


def test_what_a_job_of_another_machine_wrote_is_looked_at(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = counting(monkeypatch)
    assert scene.look(remembered) == []
    scene.client.connection.execute("update pgdex.view_files set mtime_ns = 7 where path <> '.gitignore'")
    assert scene.look(remembered) == []
    scene.client.connection.execute("select pgdex.enqueue_job(%s, paths => '{a/b}')", [str(scene.root)])
    assert scene.look(remembered) == ["a/b/two.py"]
    scene.client.connection.execute("select pgdex.enqueue_job(%s, paths => '{one.py}')", [str(scene.root)])
    assert scene.look(remembered) == ["a/b/two.py", "one.py"]
    assert len(walks) == 1


def test_a_job_of_another_machine_is_looked_at_after_the_clock_was_set_back(scene: Scene, remembered: Looks) -> None:
    connection = scene.client.connection
    with connection.transaction():  # a job that has ended never changes, so its time is set behind the triggers' back
        connection.execute("set local session_replication_role = replica")
        connection.execute("update pgdex.indexing_jobs set created_at = created_at + interval '4 hours'")
    assert scene.look(remembered) == []
    connection.execute("update pgdex.view_files set mtime_ns = 7 where path <> '.gitignore'")
    assert scene.look(remembered) == []
    connection.execute("select pgdex.enqueue_job(%s, paths => '{a/b}')", [str(scene.root)])
    assert scene.look(remembered) == ["a/b/two.py"]


def test_a_tree_that_stands_where_another_one_stood_is_walked(scene: Scene, remembered: Looks) -> None:
    above = scene.root.parent
    assert scene.look(remembered) == []
    os.rename(scene.root, above / "before")
    with pytest.raises(RootUnavailable):
        scene.look(remembered)
    fresh_tree(scene.root)
    assert scene.look(remembered) == scene.whole() != []


def test_what_git_tracks_from_now_on_is_seen_and_a_status_or_a_commit_costs_no_walk(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=n", "-c", "user.email=e@x"]
        subprocess.run(["git", "-C", str(scene.root), *who, *arguments], check=True, stdout=subprocess.DEVNULL)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    scene.note()
    walks = counting(monkeypatch)
    assert scene.look(remembered) == []
    scene.write("one.py", "x = 9\n")
    git("status")
    assert scene.look(remembered) == ["one.py"]
    git("commit", "-qam", "two")
    git("switch", "-qc", "other")
    assert scene.look(remembered) == ["one.py"]
    git("add", "-f", "a/x.log", "left/one.py")
    assert scene.look(remembered) == scene.whole() == ["a/x.log", "left/one.py", "one.py"]
    scene.write("left/one.py", "x = 10\n")
    scene.note()
    assert scene.look(remembered) == []
    scene.write("left/one.py", "x = 11\n")
    assert scene.look(remembered) == ["left/one.py"]
    git("rm", "-q", "--cached", "a/x.log")
    assert scene.look(remembered) == scene.whole() == ["a/x.log", "left/one.py"]
    assert len(walks) == 1


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def same(scene: Scene, remembered: Looks) -> list[str]:
    """What a look finds, which is what a walk of everything finds."""
    found = scene.look(remembered)
    assert found == scene.whole()
    return found


def test_a_repository_that_is_made_or_removed_later_says_which_files_count(scene: Scene, remembered: Looks) -> None:
    assert same(scene, remembered) == []
    git(scene.root, "init", "--quiet")
    assert same(scene, remembered) == []
    git(scene.root, "add", "--force", "left/one.py")
    assert same(scene, remembered) == ["left/one.py"]
    scene.note()
    assert same(scene, remembered) == []
    shutil.rmtree(scene.root / ".git")
    git(scene.root, "init", "--quiet")
    assert same(scene, remembered) == ["left/one.py"]
    git(scene.root, "add", "--force", "left/one.py")
    assert same(scene, remembered) == []
    shutil.rmtree(scene.root / ".git")
    assert same(scene, remembered) == ["left/one.py"]


def test_the_exclude_file_counts_when_it_comes_goes_or_is_replaced(scene: Scene, remembered: Looks) -> None:
    git(scene.root, "init", "--quiet")
    info = scene.root / ".git" / "info"
    shutil.rmtree(info)
    assert same(scene, remembered) == []
    info.mkdir()
    (info / "exclude").write_text("one.py\n")
    assert same(scene, remembered) == ["a/one.py", "one.py"]
    (info / "exclude").rename(info / "aside")
    assert same(scene, remembered) == []
    (info / "aside").rename(info / "exclude")
    assert same(scene, remembered) == ["a/one.py", "one.py"]


def test_the_ignore_files_of_the_repository_around_a_folder_count(scene: Scene, remembered: Looks) -> None:
    above = scene.root.parent
    (above / ".gitignore").write_text("one.py\n")
    assert same(scene, remembered) == [], "in no repository, no rule from outside holds"
    git(above, "init", "--quiet")
    assert same(scene, remembered) == ["a/one.py", "one.py"]
    (above / ".gitignore").unlink()
    assert same(scene, remembered) == []
    (above / ".pgdexignore").write_text("a/\n")
    assert same(scene, remembered) == ["a/b/two.py", "a/one.py"]


def test_what_is_mounted_in_a_tree_or_exchanged_there_is_seen(scene: Scene, remembered: Looks, tmp_path: Path) -> None:
    point = str(scene.root / "a")
    sources = [tmp_path / "first", tmp_path / "second"]
    for number, source in enumerate(sources):
        source.mkdir()
        (source / f"f{number}.py").write_text("x = 1\n")
    assert same(scene, remembered) == []
    if subprocess.run(["mount", "--bind", sources[0], point], check=False, capture_output=True).returncode != 0:
        pytest.skip("only those who may mount can see that")
    try:
        assert same(scene, remembered) == ["a/b/two.py", "a/f0.py", "a/one.py"]
        subprocess.run(["umount", point], check=True)
        subprocess.run(["mount", "--bind", sources[1], point], check=True)
        assert same(scene, remembered) == ["a/b/two.py", "a/f1.py", "a/one.py"]
        (scene.root / "a" / "later.py").write_text("x = 1\n")
        assert "a/later.py" in same(scene, remembered)
    finally:
        subprocess.run(["umount", point], check=True)
    assert same(scene, remembered) == []


def test_what_is_remembered_of_a_tree_does_not_grow_with_what_happened_in_it(scene: Scene, remembered: Looks) -> None:
    chance = random.Random(5)
    scene.look(remembered)
    for number in range(2_000):
        folder = scene.root / f"d{chance.randrange(20)}" / f"e{chance.randrange(5)}"
        with suppress(OSError):
            match chance.randrange(4):
                case 0 | 1:
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / "f.py").write_text(f"x = {number}\n")
                case 2:
                    shutil.rmtree(chance.choice([folder, folder.parent]))
                case _:
                    folder.rename(scene.root / f"d{chance.randrange(20)}" / f"z{chance.randrange(5)}")
        if number % 50 == 0:
            scene.look(remembered)
    same(scene, remembered)
    (tree,) = remembered._trees.values()
    assert tree._reports is not None
    watched, numbers = tree._reports._watches, tree._reports._folders
    folders = {os.path.relpath(one, scene.root) for one, _, _ in os.walk(scene.root)} - {"left"}
    assert {os.fsdecode(one) or "." for one in watched} == folders
    assert {number: folder for folder, number in watched.items()} == numbers


def test_a_job_of_this_machines_own_server_leaves_nothing_to_look_at(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.client, "settings", scene.client.settings.with_values(database_url=None))
    walks = counting(monkeypatch)
    assert scene.look(remembered) == []
    enqueue(scene.client.connection, str(scene.root))
    assert scene.look(remembered) == []
    assert len(walks) == 1


@pytest.mark.parametrize("of", ["instances", "watches", "file system", "unknown"])
def test_where_the_kernel_reports_nothing_each_look_is_a_walk(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    class Refusing:
        def __init__(self, **named: object) -> None:
            if of == "instances":
                raise OSError(24, "Too many open files")

        def add_watch(self, *arguments: object) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    if of == "unknown":
        monkeypatch.setattr(file_systems, "MOUNTS", Path("/no/such/file"))
    elif of == "file system":
        monkeypatch.setattr(looks, "unreported_mount", lambda root, known: Mount("/", "nfs4"))
    else:
        monkeypatch.setattr("inotify_simple.INotify", Refusing)
    for number in range(3):
        scene.write(f"a/f{number}.py")
        assert scene.look(remembered) == [f"a/f{one}.py" for one in range(number + 1)]


def test_more_reports_than_the_kernel_holds_or_than_can_be_named_are_a_walk(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MOST_PATHS", 5)
    walks = counting(monkeypatch)
    scene.look(remembered)
    for number in range(9):
        scene.write(f"a/f{number}.py")
    assert len(scene.look(remembered)) == 9
    assert len(walks) == 2


def test_only_so_many_trees_are_remembered(
    client: Client, remembered: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "MOST_TREES", 2)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        root = tmp_path.resolve() / f"tree{number}"
        fresh_tree(root)
        enqueue(client.connection, str(root))
        view = innermost_view(client.connection, [str(root)], project="default")
        assert view is not None
        assert len(remembered.look(client, view, root, lambda: False)) == 4
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    remembered.close()
    time.sleep(0.1)
    assert len(os.listdir("/proc/self/fd")) <= before
