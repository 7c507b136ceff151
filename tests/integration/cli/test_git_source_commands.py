"""The life of a git source on the command line: indexed, listed, searched by name, refused a watcher, removed."""

from pathlib import Path

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from tests.integration.cli.commands import Run
from tests.support.git_repositories import Repository


@pytest.fixture
def configuration() -> dict[str, object]:
    """An embedder that is there at once."""
    return {"embedder": "hashing"}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A bare repository with a branch whose files the default branch has too, and a file that nobody indexes."""
    origin = Repository.make(tmp_path.resolve() / "origin")
    origin.commit({"a.py": "def alpha():\n    return 1\n", "logo.png": b"\x89PNG\0\0"})
    origin.git("branch", "twin")
    return origin.bare(tmp_path.resolve() / "team.git")


@pytest.mark.usefixtures("worker")
def test_a_git_source_is_indexed_listed_searched_not_watched_and_removed(run_pgdex: Run, bare: Path) -> None:
    first = run_pgdex("index", str(bare))
    assert first.code == ExitCode.DONE, first.err
    twin = run_pgdex("index", str(bare), "--branch", "twin")
    assert "all of it was known already" in twin.out + twin.err
    location = f"{bare}@twin"
    assert location in run_pgdex("repos").out

    skipped = run_pgdex("skipped", location, "--json")
    assert skipped.code == ExitCode.DONE, skipped.err
    assert "logo.png" in skipped.out
    found = run_pgdex("search", "alpha", "--all", "--branch", "twin", "--json").json
    assert [hit["repo_path"] for hit in found["hits"]] == [location]

    refused = run_pgdex("watch", str(bare))
    assert refused.code == ExitCode.USAGE
    assert "bare repository" in refused.err

    assert run_pgdex("remove", location, "--yes").code == ExitCode.DONE
    assert location not in run_pgdex("repos").out
    assert str(bare) in run_pgdex("repos").out
