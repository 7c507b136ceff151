"""What a branch, a tag or a commit of a git source comes to, and the clear words for one that is not there."""

from datetime import timedelta
from pathlib import Path

import pytest

from pgdex.indexer.git import CommitNotFound, EmptyRepository, GitUrl, Mirrors, Ref, RefNotFound
from tests.support.git_repositories import Repository, git
from tests.support.mirrored_sources import local, read, text


def test_the_default_branch_is_the_one_that_head_is_on(mirrors: Mirrors, source: Repository) -> None:
    source.git("checkout", "--quiet", "-b", "trunk")
    commit = source.commit({"a.py": "x = 2\n"})

    resolved = mirrors.resolve(local(source))

    assert (resolved.commit, resolved.ref_name) == (commit, "trunk")
    assert resolved.committed_at is not None
    assert resolved.committed_at.timestamp() == 1_700_000_000
    assert resolved.committed_at.utcoffset() == timedelta(hours=1)
    assert text(mirrors, local(source), commit) == "x = 2\n"


def test_branches_tags_and_commits_are_found_by_name(mirrors: Mirrors, source: Repository) -> None:
    first = source.git("rev-parse", "HEAD")
    source.git("tag", "light")
    source.git("tag", "-a", "-m", "x", "heavy")
    source.git("checkout", "--quiet", "-b", "feature/x")
    second = source.commit({"a.py": "x = 2\n"})
    third = source.commit({"a.py": "x = 3\n"})
    url = local(source)

    assert mirrors.resolve(url, Ref.branch("main")).commit == first
    assert mirrors.resolve(url, Ref.branch("feature/x")).commit == third
    assert mirrors.resolve(url, Ref.branch("refs/heads/feature/x")).ref_name == "feature/x"
    assert mirrors.resolve(url, Ref.tag("light")).commit == first
    assert mirrors.resolve(url, Ref.tag("heavy")).commit == first
    by_id = mirrors.resolve(url, Ref.commit(second.upper()))
    assert (by_id.commit, by_id.ref_name) == (second, None)
    assert text(mirrors, url, second) == "x = 2\n"


def test_a_branch_with_the_end_of_another_ones_name_is_not_taken_for_it(mirrors: Mirrors, source: Repository) -> None:
    source.git("branch", "deep/refs/heads/side")
    with pytest.raises(RefNotFound, match="no branch side"):
        mirrors.resolve(local(source), Ref.branch("side"))


def test_a_head_on_no_branch_has_no_ref_name(mirrors: Mirrors, source: Repository) -> None:
    source.git("checkout", "--quiet", "--detach")
    assert mirrors.resolve(local(source)).ref_name is None


@pytest.mark.parametrize("shape", ["bare", "clone", "worktree", "git folder", "shallow", "file URL"])
def test_local_repositories_of_every_shape(mirrors: Mirrors, source: Repository, tmp_path: Path, shape: str) -> None:
    commit = source.commit({"a.py": "x = 9\n"})
    place = tmp_path / "place"
    if shape == "bare":
        source.bare(place)
    elif shape == "clone":
        git(tmp_path, "clone", "--quiet", str(source.path), str(place))
    elif shape == "worktree":
        source.git("worktree", "add", "--quiet", str(place), "-b", "side")
    elif shape == "shallow":
        git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{source.path}", str(place))
    elif shape == "git folder":
        place = source.path / ".git"
    else:
        place = source.path
    url = GitUrl.parse(f"file://{place}") if shape == "file URL" else GitUrl.local(place)

    resolved = mirrors.resolve(url)

    assert resolved.commit == commit
    assert resolved.ref_name == ("side" if shape == "worktree" else "main")
    assert text(mirrors, url, commit) == "x = 9\n"


def test_a_repository_in_sha_256_is_a_source_like_any(mirrors: Mirrors, tmp_path: Path) -> None:
    source = Repository.make(tmp_path / "source", "--object-format=sha256")
    commit = source.commit({"a.py": "x = 1\n"})
    assert len(commit) == 64

    assert mirrors.resolve(local(source)).commit == commit
    with mirrors.snapshot(local(source), commit) as snapshot:
        (found,) = snapshot.listing()
        assert len(found.blob_id or b"") == 32
        assert read(snapshot, "a.py").text == "x = 1\n"


# Sources that change


def test_a_force_push_and_a_moved_tag_are_another_commit(mirrors: Mirrors, source: Repository) -> None:
    source.git("tag", "v1")
    url = local(source)
    first = mirrors.resolve(url, Ref.branch("main")).commit
    assert mirrors.resolve(url, Ref.tag("v1")).commit == first
    source.commit({"a.py": "x = 2\n"})
    source.git("reset", "--quiet", "--hard", "HEAD~1")
    source.git("commit", "--quiet", "--amend", "-m", "other")
    second = source.commit({"a.py": "x = 3\n"})
    source.git("tag", "--force", "v1")

    assert mirrors.resolve(url, Ref.branch("main")).commit == second
    assert mirrors.resolve(url, Ref.tag("v1")).commit == second
    assert text(mirrors, url, second) == "x = 3\n"
    assert text(mirrors, url, first) == "x = 1\n"


def test_a_commit_that_the_source_lost_is_said_to_be_gone(mirrors: Mirrors, source: Repository) -> None:
    lost = source.commit({"a.py": "x = 2\n"})
    source.git("reset", "--quiet", "--hard", "HEAD~1")
    source.git("reflog", "expire", "--expire=now", "--all")
    source.git("gc", "--quiet", "--prune=now")

    with pytest.raises(CommitNotFound, match=r"does not have the commit .*force push"):
        mirrors.ensure(local(source), lost, ref_name="main")
    assert mirrors.resolve(local(source)).commit != lost


def test_a_deleted_branch_is_named_with_what_is_close(mirrors: Mirrors, source: Repository) -> None:
    source.git("branch", "feature-one")
    mirrors.resolve(local(source), Ref.branch("feature-one"))
    source.git("branch", "-m", "feature-one", "feature-two")

    with pytest.raises(RefNotFound, match=r"has no branch feature-one; did you mean feature-two\?"):
        mirrors.resolve(local(source), Ref.branch("feature-one"))


# What no ref comes to


def test_a_branch_that_is_a_tag_is_told_apart(mirrors: Mirrors, source: Repository) -> None:
    source.git("tag", "v1")
    with pytest.raises(RefNotFound, match="it has a tag of that name"):
        mirrors.resolve(local(source), Ref.branch("v1"))
    with pytest.raises(RefNotFound, match="it has a branch of that name"):
        mirrors.resolve(local(source), Ref.tag("main"))


def test_an_empty_repository_is_said_to_be_empty(mirrors: Mirrors, tmp_path: Path) -> None:
    empty = Repository.make(tmp_path / "empty")
    for ref in (Ref(), Ref.branch("main"), Ref.tag("v1")):
        with pytest.raises(EmptyRepository, match="no commit yet"):
            mirrors.resolve(local(empty), ref)


def test_a_head_that_leads_nowhere_asks_for_a_branch(mirrors: Mirrors, source: Repository) -> None:
    source.git("symbolic-ref", "HEAD", "refs/heads/gone")
    with pytest.raises(RefNotFound, match=r"name one with --branch \(branches: main\)"):
        mirrors.resolve(local(source))


def test_what_names_no_commit_is_refused(mirrors: Mirrors, source: Repository) -> None:
    tree = source.git("rev-parse", "HEAD^{tree}")
    source.git("tag", "tree", tree)
    with pytest.raises(CommitNotFound, match="not a commit of"):
        mirrors.resolve(local(source), Ref.commit(tree))
    with pytest.raises(CommitNotFound, match="not a commit of"):
        mirrors.resolve(local(source), Ref.tag("tree"))


@pytest.mark.parametrize(
    "name", ["", "-x", "--upload-pack=x", "a..b", "a b", "a\nb", "x.lock", "a*", "/x", "x/", "@", "a:b"]
)
def test_names_that_no_branch_can_have_are_refused(name: str) -> None:
    with pytest.raises(RefNotFound):
        Ref.branch(name)
    with pytest.raises(RefNotFound):
        Ref.tag(name)


@pytest.mark.parametrize("name", ["", "abc1234", "HEAD", "-" * 40, "g" * 40, "a" * 41])
def test_a_commit_is_named_by_its_full_id(name: str) -> None:
    with pytest.raises(RefNotFound, match="full id"):
        Ref.commit(name)
