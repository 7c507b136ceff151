"""A git source, and what its mirror has of it."""

from pathlib import Path

from pgdex.indexer.git import GitSnapshot, GitUrl, Mirrors
from pgdex.indexer.sources import SourceText
from tests.support.git_repositories import Repository

LIMIT = 1 << 20


def local(repository: Repository | Path) -> GitUrl:
    """The address of a repository on this machine."""
    return GitUrl.local(repository.path if isinstance(repository, Repository) else repository)


def read(snapshot: GitSnapshot, path: str) -> SourceText:
    """A file of the snapshot, which must be there and be text."""
    blob_id = snapshot.blob_id(path)
    assert blob_id is not None
    source = snapshot.read(path, blob_id, max_file_bytes=LIMIT)
    assert isinstance(source, SourceText), source
    return source


def text(mirrors: Mirrors, url: GitUrl, commit: str, path: str = "a.py") -> str:
    """The content of a file at that commit, fetched where it has to be."""
    with mirrors.snapshot(url, commit) as snapshot:
        return read(snapshot, path).text


def mirror_of(mirrors: Mirrors) -> Path:
    """The folder of the only mirror that there is."""
    found = [path for path in mirrors.folder.iterdir() if path.name != "locks"]
    assert len(found) == 1, found
    return found[0]
