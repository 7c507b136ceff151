"""Jobs of git sources: what git has at a branch, a tag or a commit, fetched and read by real workers."""

from pathlib import Path

import pytest

from pgdex.indexer.search import SearchRequest
from pgdex.jobs.cli.commands.search import WORDS
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.removal import remove_view
from pgdex.jobs.client.search import search_code
from pgdex.jobs.client.targets import target_of
from pgdex.jobs.client.views import named_views
from pgdex.jobs.errors import InvalidRequest
from tests.support.git_repositories import Repository, git
from tests.support.index_digest import assert_index_is_sound
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

FILES: dict[str, str | bytes] = {
    "a.py": "def alpha():\n    return 1\n",
    "sub/b.py": "def beta():\n    return 2\n",
    ".env": "API_TOKEN=ghp_0123456789abcdefghijklmnopqrstuvwxyzAB\n",
    "logo.png": b"\x89PNG\0\0",
}


@pytest.fixture
def configuration(tmp_path: Path) -> dict[str, object]:
    """An embedder that is there at once, and a home of its own for mirrors."""
    return {"embedder": "hashing", "home": tmp_path / "home"}


@pytest.fixture(params=["sha1", "sha256"])
def origin(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    """A repository with a commit on `main`, a tag on it, and a branch with another file."""
    repository = Repository.make(tmp_path.resolve() / "origin", f"--object-format={request.param}")
    repository.commit(FILES)
    repository.git("tag", "-a", "v1", "-m", "first")
    repository.git("checkout", "--quiet", "-b", "topic/one")
    repository.commit({"topic.py": "def topic():\n    return 3\n"})
    repository.git("checkout", "--quiet", "main")
    return repository


@pytest.fixture(autouse=True)
def one_worker(workers: Workers) -> None:
    """At work."""
    workers.start()


def job(client: Client, workers: Workers, path: Path, **ref: str) -> JobStatus:
    """One job to its end, whichever it is."""
    target = target_of(path, settings=client.settings, **ref)
    return wait_for_end(client, client.start(target).job_id, workers=workers)


def completed(client: Client, workers: Workers, path: Path, **ref: str) -> JobStatus:
    status = job(client, workers, path, **ref)
    assert status.status == "completed", status.error_message
    return status


def code(client: Client, location: str) -> dict[str, str]:
    """What is found in a view, by path."""
    request = SearchRequest("alpha beta topic", project_id="default", view=location, limit=100)
    return {hit.path: hit.content for hit in search_code(client, request, words=WORDS).hits}


def test_a_branch_a_tag_a_commit_and_the_working_files_share_what_they_have_in_common(
    client: Client, workers: Workers, origin: Repository
) -> None:
    tagged = origin.git("rev-parse", "main")
    working = completed(client, workers, origin.path)
    branch = completed(client, workers, origin.path, branch="topic/one")
    tag = completed(client, workers, origin.path, tag="v1")
    commit = completed(client, workers, origin.path, commit=tagged)

    assert (branch.files_scanned, branch.files_indexed, branch.files_skipped) == (5, 1, 2)
    assert [status.files_indexed for status in (tag, commit)] == [0, 0]
    assert set(code(client, str(origin.path))) == {"a.py", "sub/b.py"}
    assert set(code(client, branch.repo_path)) == {"a.py", "sub/b.py", "topic.py"}
    assert set(code(client, tag.repo_path)) == set(code(client, commit.repo_path)) == {"a.py", "sub/b.py"}
    assert len({status.repo_path for status in (working, branch, tag, commit)}) == 4
    views = client.connection.execute(
        "select kind, is_default, commit_id from pgdex.views_status order by kind"
    ).fetchall()
    assert [kind for kind, _, _ in views] == ["branch", "commit", "tag", "worktree"]
    assert [kind for kind, is_default, _ in views if is_default] == ["worktree"]
    assert {commit_id for kind, _, commit_id in views if kind in ("commit", "tag")} == {tagged}
    skipped = client.connection.execute(
        "select path, skip_reason from pgdex.skipped_files where repo_path = %s order by path", [branch.repo_path]
    ).fetchall()
    assert skipped == [(".env", "secret"), ("logo.png", "binary")]
    assert client.connection.execute("select count(distinct repository_id) from pgdex.views").fetchone() == (1,)
    assert_index_is_sound(client.connection)


def test_what_is_pushed_moved_and_deleted_has_a_clear_outcome(
    client: Client, workers: Workers, origin: Repository, tmp_path: Path
) -> None:
    bare = origin.bare(tmp_path.resolve() / "team.git")
    first = completed(client, workers, bare)
    assert set(code(client, first.repo_path)) == {"a.py", "sub/b.py"}
    branch = completed(client, workers, bare, branch="topic/one")
    tag = completed(client, workers, bare, tag="v1")

    # A force push, and a tag that is moved: history is rewritten.
    origin.git("checkout", "--quiet", "--orphan", "again")
    origin.git("rm", "-r", "--quiet", "--cached", "sub")
    (origin.path / "sub" / "b.py").unlink()
    origin.commit({"a.py": "def alpha_rewritten():\n    return 9\n"})
    origin.git("push", "--quiet", "--force", str(bare), "again:main", "again:refs/tags/v1")
    for location in (completed(client, workers, bare), completed(client, workers, bare, tag="v1")):
        assert code(client, location.repo_path) == {"a.py": "def alpha_rewritten():\n    return 9\n"}
    assert location.repo_path == tag.repo_path

    # A branch that is deleted: what is indexed stays, and the job names it.
    origin.git("push", "--quiet", "--delete", str(bare), "topic/one")
    failed = job(client, workers, bare, branch="topic/one")
    assert failed.status == "failed"
    assert "topic/one" in str(failed.error_message)
    assert "topic.py" in code(client, branch.repo_path)

    # It comes back, and the job is asked for again as it was.
    origin.git("push", "--quiet", str(bare), "topic/one")
    again = client.retry(failed.job_id)
    assert wait_for_end(client, again.job_id, workers=workers).status == "completed"
    assert_index_is_sound(client.connection)


def test_machines_with_mirrors_of_their_own_do_one_job(
    client: Client, workers: Workers, origin: Repository, tmp_path: Path
) -> None:
    origin.commit({f"many/f{number}.py": f"def many_{number}():\n    return {number}\n" for number in range(200)})
    bare = origin.bare(tmp_path.resolve() / "team.git")
    workers.environment |= {"PGDEX_HOME": str(tmp_path / "elsewhere"), "PGDEX_BATCH_FILES": "4"}
    workers.start()
    workers.wait_until_alive(2)
    status = completed(client, workers, bare)
    assert status.files_indexed == 202
    assert_index_is_sound(client.connection)


def test_a_git_source_is_removed_and_indexed_again(client: Client, workers: Workers, origin: Repository) -> None:
    branch = completed(client, workers, origin.path, branch="topic/one")
    (view,) = named_views(client.connection, branch.repo_path, project="default", whole=True)
    remove_view(client.connection, view)
    assert code(client, branch.repo_path) == {}
    assert "topic.py" in code(client, completed(client, workers, origin.path, branch="topic/one").repo_path)


def test_what_is_no_repository_or_has_no_such_ref_says_so(
    client: Client, workers: Workers, origin: Repository, tmp_path: Path
) -> None:
    empty = tmp_path / "plain"
    empty.mkdir()
    assert "is not a git repository" in str(job(client, workers, empty, branch="main").error_message)
    assert "v9" in str(job(client, workers, origin.path, tag="v9").error_message)
    unknown = job(client, workers, origin.path, commit="0" * len(origin.git("rev-parse", "main")))
    assert "000000" in str(unknown.error_message)
    with pytest.raises(InvalidRequest, match="only one of branch and tag"):
        target_of(origin.path, settings=client.settings, branch="main", tag="v1")
    git(tmp_path, "init", "--quiet", "--bare", "void.git")
    assert "has no commit yet" in str(job(client, workers, tmp_path / "void.git").error_message)


def test_nothing_is_looked_at_before_an_answer_from_a_git_source(
    client: Client, workers: Workers, origin: Repository
) -> None:
    branch = completed(client, workers, origin.path, branch="main")
    origin.commit({"a.py": "def alpha_later():\n    return 5\n"})
    assert "alpha_later" not in code(client, branch.repo_path)["a.py"]
    assert client.connection.execute("select count(*) from pgdex.indexing_jobs").fetchone() == (1,)
    assert completed(client, workers, origin.path, branch="main").files_indexed == 1
    assert "alpha_later" in code(client, branch.repo_path)["a.py"]
