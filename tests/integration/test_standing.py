"""Where the one who searches stands decides what is searched: with real repositories, workers and jobs."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pgdex.indexer.search import RelatedRequest, SearchRequest
from pgdex.jobs.cli.commands.search import WORDS
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.search import Found, related_code, search_code
from pgdex.jobs.client.standing import standing_at
from tests.support.databases import settings_for
from tests.support.git_trees import git, repository
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

REMOTE = "https://forge.example/team/repo.git"
FILES: dict[str, str | bytes] = {
    "a.py": "def alpha_one():\n    return 1\n",
    "sub/b.py": "def alpha_two():\n    return 2\n",
    "sub/deep/c.py": "def alpha_three():\n    return 3\n",
}


@pytest.fixture
def configuration() -> dict[str, object]:
    """An embedder that is there at once, and as much time as a busy machine needs."""
    return {"embedder": "hashing", "fresh_seconds": 30}


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """A repository."""
    return repository(tmp_path.resolve() / "main", FILES)


@pytest.fixture
def other(main: Path) -> Path:
    """A linked worktree beside it, on another branch."""
    git("worktree", "add", "--quiet", "-b", "fix", "../other", at=main)
    return main.parent / "other"


@pytest.fixture(autouse=True)
def one_worker(workers: Workers) -> None:
    """At work."""
    workers.start()


def indexed(client: Client, workers: Workers, *roots: Path) -> None:
    for root in roots:
        status = wait_for_end(client, client.start(root).job_id, workers=workers)
        assert status.status == "completed", status.error_message


def found(
    client: Client,
    folder: Path | None,
    query: str = "alpha",
    *,
    repo: str | None = None,
    view: str | None = None,
    language: str | None = None,
) -> Found:
    request = SearchRequest(query, project_id="default", repo=repo, view=view, language=language)
    answer = search_code(client, request, words=WORDS, standing_in=folder)
    files = [(hit.repo_path, hit.path) for hit in answer.hits]
    assert len(files) == len(set(files))
    return answer


def searched(client: Client, folder: Path | None, *, repo: str | None = None, view: str | None = None) -> set[Path]:
    return {Path(root) for root in found(client, folder, repo=repo, view=view).searched}


def families(client: Client) -> list[list[str]]:
    """The folders of each repository."""
    rows = client.connection.execute(
        "select array_agg(root order by root) from pgdex.views where removed_at is null"
        " group by repository_id order by 1"
    )
    return [row[0] for row in rows]


# Where someone stands


def test_the_innermost_view_around_the_folder_is_searched_by_whatever_way_it_was_entered(
    client: Client, workers: Workers, main: Path, other: Path, tmp_path: Path
) -> None:
    indexed(client, workers, main, other)
    link = tmp_path / "link"
    link.symlink_to(other / "sub")
    assert searched(client, main / "sub" / "deep") == {main}
    assert searched(client, other / "sub") == {other}
    assert searched(client, link) == {other}
    assert searched(client, tmp_path) == {main}, "outside of all: the default view of each repository"
    assert searched(client, None) == {main}
    assert searched(client, main, view="fix") == {other}, "a branch"
    assert searched(client, main, view="other") == {other}, "a name"
    assert searched(client, main, view=str(other)) == {other}
    assert searched(client, None, repo=str(other)) == {other}
    assert searched(client, None, repo="main") == {main}
    assert searched(client, other, repo=str(tmp_path)) == {main}, "several views below: one of each repository"


def test_of_a_folder_and_a_part_of_it_that_are_both_indexed_the_one_that_is_named_is_searched_and_current(
    client: Client, workers: Workers, main: Path
) -> None:
    indexed(client, workers, main, main / "sub")
    assert searched(client, main) == {main}
    assert searched(client, main / "sub") == {main / "sub"}
    assert searched(client, None, repo=str(main)) == {main}
    (main / "later.py").write_text("def written_later(): pass\n")
    assert [hit.path for hit in found(client, main, "written_later").hits][:1] == ["later.py"]


def test_in_a_worktree_that_is_not_indexed_the_answers_are_those_of_the_repository_and_a_note_says_so(
    client: Client, workers: Workers, main: Path, other: Path
) -> None:
    indexed(client, workers, main)
    git("worktree", "add", "--quiet", ".trees/inner", "-b", "inner", at=main)
    for worktree in (other, main / ".trees" / "inner"):
        for folder in (worktree, worktree / "sub"):
            answer = found(client, folder)
            assert answer.searched == [str(main)]
            assert answer.notes[0].startswith(f"the worktree {worktree} is not indexed: these results are from {main}")
    assert not any("is not indexed" in note for note in found(client, main).notes)


def test_in_a_worktree_whose_folder_alone_is_indexed_elsewhere_that_answers(
    client: Client, workers: Workers, main: Path, other: Path
) -> None:
    indexed(client, workers, main / "sub")
    standing = standing_at(client.connection, other / "sub" / "deep", project="default")
    assert standing is not None
    assert (standing.view.root, standing.worktree) == (str(main / "sub"), str(other))
    assert standing_at(client.connection, other, project="default") is None


def test_a_branch_that_was_just_made_is_known_by_its_name(
    client: Client, workers: Workers, main: Path, other: Path
) -> None:
    indexed(client, workers, main, other)
    git("checkout", "--quiet", "-b", "fresh", at=other)
    answer = found(client, None, view="fresh")
    assert answer.searched == [str(other)]
    assert answer.hits
    assert searched(client, None, view="nowhere") == set()


@pytest.mark.parametrize("is_whole", [True, False])
def test_related_code_of_a_file_in_a_worktree_that_is_not_indexed_is_that_of_the_same_file_elsewhere(
    client: Client, workers: Workers, main: Path, other: Path, *, is_whole: bool
) -> None:
    root = main if is_whole else main / "sub"
    indexed(client, workers, root)
    for request in (
        RelatedRequest(project_id="default", root=str(other), path="sub/b.py", line=1),
        RelatedRequest(project_id="default", root=str(other / "sub"), path="b.py", line=1),
        RelatedRequest(project_id="default", root=str(other), path=str(other / "sub" / "b.py"), line=1),
    ):
        answer = related_code(client, request, words=WORDS)
        assert "c.py" in {Path(hit.path).name for hit in answer.hits}
        assert answer.notes[0].startswith(f"the worktree {other} is not indexed: these results are from {root}")
    exact = RelatedRequest(project_id="default", root=str(root), path=str(main / "sub" / "b.py"), line=1)
    assert {hit.repo_path for hit in related_code(client, exact, words=WORDS).hits} == {str(root)}


def test_a_submodule_and_a_nested_repository_are_part_of_what_is_indexed_around_them(
    client: Client, workers: Workers, main: Path, tmp_path: Path
) -> None:
    library = repository(tmp_path.resolve() / "library", {"l.py": "def alpha_library():\n    return 1\n"})
    git("submodule", "--quiet", "add", str(library), "library", at=main)
    repository(main / "nested", {"n.py": "def alpha_nested():\n    return 1\n"})
    indexed(client, workers, main)
    for folder in ("library", "nested"):
        answer = found(client, main / folder)
        assert answer.searched == [str(main)]
        assert f"{folder}/{folder[0]}.py" in {hit.path for hit in answer.hits}
    indexed(client, workers, library)
    assert searched(client, main / "library") == {main}
    assert searched(client, library) == {library}


def test_in_a_repository_that_nobody_indexed_a_note_says_that_the_whole_project_was_searched(
    client: Client, workers: Workers, main: Path, tmp_path: Path
) -> None:
    indexed(client, workers, main)
    other = tmp_path / "unknown"
    (other / "sub").mkdir(parents=True)
    git("init", "--quiet", at=other)
    assert [note for note in found(client, other / "sub").notes if "the whole project was searched" in note] == [
        f"{other} is not indexed: the whole project was searched. Index it with: pgdex index {other}"
    ]
    assert not any("whole project" in note for note in found(client, tmp_path).notes), "no repository: nothing to index"


def test_nothing_found_says_that_only_this_view_was_searched(
    client: Client, workers: Workers, main: Path, tmp_path: Path
) -> None:
    second = write_tree(tmp_path.resolve() / "second", {"z.py": "def zulu():\n    return 1\n"})
    indexed(client, workers, main, second)
    answer = found(client, main, "zzzyyyxxx", language="rust")
    assert any(note.startswith(f"only {main} was searched, because you are in it; --all") for note in answer.notes)


# Families


def test_worktrees_and_clones_of_one_remote_and_their_folders_are_families(
    client: Client, workers: Workers, main: Path, other: Path, tmp_path: Path
) -> None:
    git("remote", "add", "origin", REMOTE, at=main)
    clone = tmp_path.resolve() / "clone"
    git("clone", "--quiet", str(main), str(clone), at=tmp_path)
    git("remote", "set-url", "origin", "git@forge.example:team/repo", at=clone)
    indexed(client, workers, main, other, clone, main / "sub", other / "sub", clone / "sub" / "deep")
    assert families(client) == [
        [str(clone), str(main), str(other)],
        [str(clone / "sub" / "deep")],
        [str(main / "sub"), str(other / "sub")],
    ]
    assert_index_is_sound(client.connection)


def test_a_folder_that_becomes_a_repository_and_gets_a_remote_keeps_its_index_and_others_join_it(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    root = write_tree(tmp_path.resolve() / "plain", FILES)
    indexed(client, workers, root)
    before = client.connection.execute("select array_agg(id order by id) from pgdex.versions").fetchone()
    repository(root, FILES)
    indexed(client, workers, root)
    git("remote", "add", "origin", REMOTE, at=root)
    indexed(client, workers, root)
    clone = tmp_path.resolve() / "clone"
    git("clone", "--quiet", str(root), str(clone), at=tmp_path)
    git("remote", "set-url", "origin", REMOTE, at=clone)
    indexed(client, workers, clone)
    assert families(client) == [[str(clone), str(root)]]
    assert client.connection.execute("select array_agg(id order by id) from pgdex.versions").fetchone() == before
    assert client.connection.execute("select array_agg(root) from pgdex.views where is_default").fetchone() == (
        [str(root)],
    )


def test_two_worktrees_that_are_indexed_for_the_first_time_at_once_are_one_family(
    client: Client, workers: Workers, main: Path, other: Path, database_url: str
) -> None:
    workers.start(2)
    workers.wait_until_alive(3)

    def start(root: Path) -> JobStatus:
        with Client.open(settings_for(database_url, embedder="hashing")) as own:
            return wait_for_end(own, own.start(root).job_id, workers=workers)

    with ThreadPoolExecutor(6) as pool:
        ends = list(pool.map(start, [main, other, main, other, main, other]))
    assert {end.status for end in ends} == {"completed"}
    assert families(client) == [[str(main), str(other)]]
    assert client.connection.execute("select count(*) from pgdex.versions").fetchone() == (3,)
    assert client.connection.execute("select count(*) from pgdex.repositories").fetchone() == (1,)
    assert_index_is_sound(client.connection)


def test_another_model_for_a_worktree_fails_with_what_to_do_and_force_changes_that_of_the_family(
    client: Client, workers: Workers, main: Path, other: Path, database_url: str
) -> None:
    indexed(client, workers, main)
    with Client.open(settings_for(database_url, embedder="hashing:128")) as changed:
        status = wait_for_end(changed, changed.start(other).job_id, workers=workers)
        assert status.status == "failed"
        assert f"{other} belongs to the repository main, whose index was made with" in str(status.error_message)
        status = wait_for_end(changed, changed.start(other, force=True).job_id, workers=workers)
        assert status.status == "completed", status.error_message
        assert families(changed) == [[str(main), str(other)]]
        assert searched(changed, other) == {other}
        answer = found(changed, main)
        assert {hit.path for hit in answer.hits} == set(FILES), answer.notes
    assert_index_is_sound(client.connection)


# Folders that are gone


def test_what_is_found_in_a_folder_that_is_gone_comes_last_and_says_so(
    client: Client, workers: Workers, main: Path, other: Path, tmp_path: Path
) -> None:
    second = write_tree(tmp_path.resolve() / "second", {"z.py": "def alpha_zulu():\n    return 1\n"})
    indexed(client, workers, main, other, second)
    os.rename(main, tmp_path / "moved")
    answer = found(client, tmp_path)
    assert [hit.repo_path for hit in answer.hits] == [str(second), *[str(main)] * 3]
    assert {key for key in answer.outdated if key[0] == str(main)}
    assert any(note.startswith(f"{main} is gone") for note in answer.notes)


def test_a_folder_that_is_another_repository_now_is_indexed_as_that(
    client: Client, workers: Workers, main: Path, other: Path
) -> None:
    indexed(client, workers, main, other)
    shutil.rmtree(other)
    repository(other, {"a.py": "def beta():\n    return 1\n"})
    indexed(client, workers, other)
    assert {hit.path: hit.content for hit in found(client, other, "beta").hits}["a.py"].startswith("def beta")
    indexed(client, workers, main)
    assert searched(client, main / "sub") == {main}
    assert_index_is_sound(client.connection)
