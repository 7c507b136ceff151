"""Submodules of git sources: each is indexed as a repository of its own, at the commit that is named."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pgdex.indexer.git import GitUrl, Submodule
from pgdex.jobs.batches.submodules import MOST_FOLLOWED, MOST_LEVELS, Choice
from pgdex.jobs.cli.render.job import submodule_lines
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.targets import target_of
from pgdex.jobs.errors import InvalidRequest
from tests.support.git_repositories import Repository, git
from tests.support.job_checks import value
from tests.support.sql_worker import enqueue
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

LIVE = "select count(*) from indexing_jobs where status in ('pending', 'running', 'blocked')"
FOUND = (
    "select v.root, e.path from pgdex.view_files e join pgdex.views v on v.id = e.view_id where e.skip_reason is null"
)


@pytest.fixture
def configuration(tmp_path: Path) -> dict[str, object]:
    """A home of its own for mirrors."""
    return {"home": tmp_path / "home"}


def library(folder: Path, name: str, **submodules: Repository) -> Repository:
    """A repository with one file, and with others as submodules below vendor/."""
    made = Repository.make(folder / name)
    made.commit({f"{name}.py": f"def {name}_function(): pass\n"})
    for path, other in submodules.items():
        made.git("submodule", "add", "--quiet", f"../{other.path.name}", f"vendor/{path}")
    made.commit()
    return made


def indexed(client: Client, workers: Workers, source: Path, **choices: Any) -> dict[str, dict[str, Any]]:
    """Index the branch main and all that follows from it; returns what was done about submodules, by their paths."""
    started = client.start(target_of(source, settings=client.settings, branch="main"), **choices)
    done = wait_for_end(client, started.job_id, workers=workers)
    assert done.status == "completed", done.error_message
    assert done.summary is not None
    wait_for(lambda: value(client.connection, LIVE) == 0, what=f"the jobs of submodules{workers.logs()}")
    return {one["path"]: one for one in done.summary.get("submodules", ())}


def files(client: Client) -> set[tuple[str, str]]:
    """The searchable files, by the name of their repository's folder; not those with a dot in front."""
    rows = client.connection.execute(FOUND).fetchall()
    return {(Path(root).name, path) for root, path in rows if not path.startswith(".")}


def test_submodules_are_followed_at_their_commits_through_all_levels_where_it_is_asked_for(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    workers.start()
    inner = library(tmp_path, "inner")
    lib = library(tmp_path, "lib", inner=inner)
    app = library(tmp_path, "app", lib=lib, inner=inner)
    pinned = inner.git("rev-parse", "HEAD")
    inner.commit({"later.py": "def later(): pass\n"})

    assert indexed(client, workers, app.path) == {}
    assert files(client) == {("app", "app.py")}

    done = indexed(client, workers, app.path, submodules=True)
    assert done["vendor/inner"]["location"] == f"{inner.path}@{pinned}"
    assert all(client.status(UUID(one["job_id"])).status == "completed" for one in done.values())
    assert files(client) == {("app", "app.py"), ("lib", "lib.py"), ("inner", "inner.py")}
    assert len(client.list_jobs().jobs) == 4, "one job for each commit, however many name it"

    # Remembered; and what is there already is not indexed again.
    again = indexed(client, workers, app.path)
    assert {path: one["job_id"] for path, one in again.items()} == {path: one["job_id"] for path, one in done.items()}
    assert len(client.list_jobs().jobs) == 5
    assert indexed(client, workers, app.path, submodules=False) == {}


def test_a_newer_commit_of_a_submodule_takes_the_place_of_the_older(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    workers.start()
    lib = library(tmp_path, "lib")
    app = library(tmp_path, "app", lib=lib)
    indexed(client, workers, app.path, submodules=True)
    lib.commit({"lib.py": "def renamed(): pass\n"})
    git(app.path / "vendor" / "lib", "pull", "--quiet", "origin", "main")
    app.commit()
    indexed(client, workers, app.path)
    default = "select commit_id from pgdex.views where root = %s and is_default"
    assert value(client.connection, default, str(lib.path)) == lib.git("rev-parse", "HEAD")
    indexed(client, workers, app.path)
    left = "select count(*) from pgdex.views where root = %s and removed_at is null"
    assert value(client.connection, left, str(lib.path)) == 1


def test_a_commit_that_someone_asks_for_himself_does_not_go_with_the_one_that_named_it(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    workers.start()
    lib = library(tmp_path, "lib")
    app = library(tmp_path, "app", lib=lib)
    pinned = lib.git("rev-parse", "HEAD")
    indexed(client, workers, app.path, submodules=True)
    started = client.start(target_of(lib.path, settings=client.settings, commit=pinned))
    wait_for_end(client, started.job_id, workers=workers)
    lib.commit({"lib.py": "def renamed(): pass\n"})
    git(app.path / "vendor" / "lib", "pull", "--quiet", "origin", "main")
    app.commit()
    for _ in range(2):
        indexed(client, workers, app.path)
    kept = "select count(*) from pgdex.views where ref = %s and removed_at is null"
    assert value(client.connection, kept, pinned) == 1


def test_repositories_that_name_each_other_are_followed_once_and_the_summary_says_so(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    workers.start()
    one = library(tmp_path, "one")
    other = library(tmp_path, "other", one=one)
    one.git("submodule", "add", "--quiet", "../other", "vendor/other")
    one.commit()
    indexed(client, workers, one.path, submodules=True)
    view = "select id from pgdex.views where root = %s"
    reason = "select reason from pgdex.submodules where parent_id = %s and path = 'vendor/one'"
    other_view = value(client.connection, view, str(other.path))
    assert "one of the repositories that lead to it" in value(client.connection, reason, other_view)


def test_what_is_not_allowed_is_not_followed_and_the_rest_is_indexed(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    workers.environment["PGDEX_ALLOWED_SOURCES"] = "git.example.com"
    workers.environment["PGDEX_ALLOWED_ROOTS"] = str(tmp_path / "inside")
    workers.start()
    outside = library(tmp_path, "outside")
    app = library(tmp_path / "inside", "app")
    app.commit(
        {
            ".gitmodules": "".join(
                f'[submodule "{name}"]\n\tpath = {name}\n\turl = {url}\n'
                for name, url in {
                    "elsewhere": str(outside.path),
                    "host": "https://other.example.com/a/b.git",
                    "helper": "ext::sh -c 'touch /tmp/x'",
                    "secret": "https://user:hunter2@git.example.com/a/b.git",
                }.items()
            )
        }
    )
    for name in ("elsewhere", "host", "helper", "secret", "unnamed"):
        app.git("update-index", "--add", "--cacheinfo", f"160000,{outside.git('rev-parse', 'HEAD')},{name}")
    app.git("commit", "--quiet", "-m", "submodules")
    done = indexed(client, workers, app.path, submodules=True)
    reasons = {path: one["reason"] for path, one in done.items()}
    assert "outside of the allowed folders" in reasons["elsewhere"]
    assert "not one of the allowed sources" in reasons["host"]
    assert "run a program" in reasons["helper"]
    assert "password" in reasons["secret"]
    assert "names no URL" in reasons["unnamed"]
    assert "hunter2" not in str(done)
    assert files(client) == {("app", "app.py")}
    lines = submodule_lines({"submodules": list(done.values())})
    assert any(line.startswith("helper: not followed, ") for line in lines)


@pytest.mark.parametrize("levels", [MOST_LEVELS, MOST_LEVELS + 1])
def test_levels_and_numbers_are_limited_and_a_server_names_no_folder_here(client: Client, levels: int) -> None:
    parent = GitUrl.parse("https://git.example.com/team/app.git")
    chain = [f"git.example.com/{number}" for number in range(levels)]
    choice = Choice(parent=parent, chain=chain, settings=client.settings)
    url = GitUrl.parse("https://git.example.com/team/lib.git")
    many = [Submodule(f"v/{number}", "a" * 40, url, None) for number in range(MOST_FOLLOWED + 2)]
    here = Submodule("here", "a" * 40, GitUrl.parse("/srv/git/secret"), None)
    found = list(choice.entries([here, *many]))
    assert "folder on this machine" in found[0]["reason"]
    followed = [one for one in found if "reason" not in one]
    if levels > MOST_LEVELS:
        assert followed == []
        assert "levels below" in found[1]["reason"]
    else:
        assert len(followed) == MOST_FOLLOWED
        assert "only the first" in found[-1]["reason"]


def test_submodules_of_working_files_are_no_choice(client: Client, tmp_path: Path) -> None:
    app = library(tmp_path, "app")
    with pytest.raises(InvalidRequest, match="as a part of them"):
        client.start(app.path, submodules=True)
    assert enqueue(client.connection, str(app.path))
