"""A tree, its view in the database, and the memory of a process that looks at it."""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pgdex.indexer.sources import walk
from pgdex.jobs.client.changes import changes_since
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import IndexedView
from pgdex.jobs.watching import Looks, looks

FILES = {
    "one.py": "x = 1\n",
    "a/one.py": "x = 2\n",
    "a/b/two.py": "x = 3\n",
    "a/x.log": "no source\n",
    ".gitignore": "*.log\nleft/\n",
    "left/one.py": "ignored = 1\n",
}


@dataclass(frozen=True)
class Scene:
    """A folder and its view, which has every file as it was at the beginning."""

    client: Client
    view: IndexedView
    root: Path

    def whole(self) -> list[str]:
        """What a walk of everything finds."""
        size = self.client.settings.max_file_bytes
        return changes_since(
            self.client.connection, view_id=self.view.id, root=self.root, max_file_bytes=size, aborted=lambda: False
        )

    def look(self, remembered: Looks) -> list[str]:
        return remembered.look(self.client, self.view, self.root, lambda: False)

    def write(self, path: str, text: str = "y = 1\n") -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def note(self) -> None:
        """The index has the folder as it is now."""
        connection = self.client.connection
        connection.execute("delete from pgdex.view_files")
        connection.execute("delete from pgdex.versions")
        connection.execute("select pgdex.register_model('test-model', 4)")
        for file in walk(self.root, blob_ids=False):
            if file.skip_reason is None:
                connection.execute(
                    "insert into pgdex.versions (repository_id, path, size, content_hash, model_id, index_format)"
                    " values (%s, %s, %s, 'x', (select min(id) from pgdex.embedding_models), 2)",
                    [self.view.repository_id, file.path, file.size],
                )
            connection.execute(
                "insert into pgdex.view_files (view_id, path, version_id, size, mtime_ns, ctime_ns, inode, skip_reason)"
                " values (%s, %s, (select id from pgdex.versions where path = %s), %s, %s, %s, %s, %s)",
                [
                    *(self.view.id, file.path, file.path),
                    *(file.size, file.mtime_ns, file.ctime_ns, file.inode, file.skip_reason),
                ],
            )


def fresh_tree(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def counting(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A list that gets an entry for each walk of everything."""
    walks: list[object] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        walks.append(arguments)
        return walk(*arguments, **named)

    monkeypatch.setattr(looks, "walk", counted)
    return walks


def held_up(monkeypatch: pytest.MonkeyPatch) -> tuple[list[object], threading.Event]:
    """As `counting`, and each walk waits for the event."""
    walks: list[object] = []
    goes_on = threading.Event()

    def slow(*arguments: Any, **named: Any) -> Any:
        walks.append(arguments)
        goes_on.wait(30)
        return walk(*arguments, **named)

    monkeypatch.setattr(looks, "walk", slow)
    return walks, goes_on
