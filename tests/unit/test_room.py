"""Whether the disk can take an index, and how large a tree is."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from pgdex.indexer.sources import RootUnavailable
from pgdex.jobs.client.estimates import tree_size
from pgdex.jobs.database.disk_space import index_bytes, require_disk_space
from pgdex.jobs.environment import Secret
from pgdex.jobs.errors import NotEnoughDiskSpace
from pgdex.jobs.settings import Settings
from tests.support.trees import python_tree, write_tree


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_the_estimate_is_near_what_was_measured() -> None:
    assert index_bytes(211_000_000, dimension=512) == pytest.approx(653_000_000, rel=0.1)


def test_an_index_that_does_not_fit_is_refused_with_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, 500_000_000))
    require_disk_space(settings, source_bytes=20_000_000, dimension=512)
    with pytest.raises(NotEnoughDiskSpace, match=r"needs about 684 MB in .*, and 500 MB are free"):
        require_disk_space(settings, source_bytes=50_000_000, dimension=512)


def test_the_disk_of_someone_elses_server_is_not_ours_to_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
    settings = Settings(home=tmp_path, database_url=Secret("postgresql://db/pgdex"))
    require_disk_space(settings, source_bytes=10**12, dimension=512)


def test_a_tree_is_counted_without_what_is_skipped_by_name_or_size(tmp_path: Path) -> None:
    tree = write_tree(python_tree(tmp_path / "tree", 10), {"large.py": "x" * 5_000, "a.png": b"\x89PNG"})
    size = tree_size(tree, max_file_bytes=4_000, within_seconds=60)
    expected = sum(path.stat().st_size for path in tree.rglob("*.py") if path.name != "large.py")
    assert (size.is_whole, size.files, size.bytes) == (True, 11, expected + 4)


def test_counting_ends_when_there_is_no_more_time(tmp_path: Path) -> None:
    size = tree_size(python_tree(tmp_path / "tree", 10), max_file_bytes=4_000, within_seconds=0)
    assert not size.is_whole
    assert size.files < 10


def test_a_tree_that_is_not_there_can_not_be_counted(tmp_path: Path) -> None:
    with pytest.raises(RootUnavailable):
        tree_size(tmp_path / "missing", max_file_bytes=4_000, within_seconds=1)
