"""A source with one commit, and an empty folder for its mirror."""

from pathlib import Path

import pytest

from pgdex.indexer.git import Mirrors
from tests.support.git_repositories import Repository


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30)


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    repository = Repository.make(tmp_path / "source")
    repository.commit({"a.py": "x = 1\n"}, "first")
    return repository
