"""Writing source files, reading one, and listing a tree of them, as the tests of pgdex.indexer.sources do it."""

from pathlib import Path

from pgdex.indexer.sources import Skipped, SkipReason, SourceDocument, SourceText, Unchanged, read_source, walk

LIMIT = 1 << 20


def write(root: Path, *paths: str, content: str = "x = 1\n") -> None:
    """The files `paths` below `root`, all with the same content."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


def paths(root: Path) -> list[str]:
    """What a walk finds, in its order."""
    return [file.path for file in walk(root)]


def skips(root: Path) -> dict[str, tuple[SkipReason, str | None]]:
    """What a walk leaves out, with the reason and its detail."""
    return {file.path: (file.skip_reason, file.detail) for file in walk(root) if file.skip_reason is not None}


def read(root: Path, data: bytes, name: str = "a.py") -> SourceText | SourceDocument | Skipped | Unchanged:
    """What reading a file with these bytes comes to."""
    (root / name).write_bytes(data)
    return read_source(root, name, max_file_bytes=LIMIT)


def skipped(result: SourceText | SourceDocument | Skipped | Unchanged) -> SkipReason:
    """The reason of what must be skipped."""
    assert isinstance(result, Skipped), result
    return result.reason


def text_of(result: SourceText | SourceDocument | Skipped | Unchanged) -> str:
    """The text of what must be read."""
    assert isinstance(result, SourceText), result
    return result.text
