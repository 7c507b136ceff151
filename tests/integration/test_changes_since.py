"""The look before an answer sees what the next job would look at, and nothing else."""

import os
import time
from pathlib import Path

from pgdex.indexer.sources.content import RACY_NS
from pgdex.jobs.client.changes import changes_since
from pgdex.jobs.client.client import Client
from tests.support.git_trees import repository
from tests.support.trees import write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

FILES: dict[str, str | bytes] = {
    ".gitignore": "build/\n*.log\n",
    "a.py": "a = 1\n",
    "kept_times.py": "x = 1\n",
    "gone.py": "g = 1\n",
    "untouched/b.py": "b = 1\n",
    "build/tracked.py": "t = 1\n",
    "notes.log": "tracked although a rule names it\n",
    "empty.py": "",
    ".env": "KEY=1\n",
    "server.pem": "-----BEGIN CERTIFICATE-----\n",
    "store.jks": "not really\n",
    "yarn.lock": "# generated\n",
    "image.bin": b"\0\1\2\3",
}


def look(client: Client, root: Path) -> list[str]:
    (view_id,) = client.connection.execute("select id from pgdex.views where root = %s", [str(root)]).fetchone() or (0,)
    limit = client.settings.max_file_bytes
    return changes_since(client.connection, view_id=view_id, root=root, max_file_bytes=limit, aborted=lambda: False)


def index(client: Client, workers: Workers, root: Path) -> None:
    time.sleep(2 * RACY_NS / 1e9)  # else what was just written is read once more, since a later write might not show
    status = wait_for_end(client, client.start(root).job_id, workers=workers)
    assert status.status == "completed", status.error_message


def test_a_look_finds_what_changed_and_nothing_after_the_job(client: Client, workers: Workers, tmp_path: Path) -> None:
    root = repository(tmp_path / "r", FILES)
    write_tree(root, {"untracked/c.py": "c = 1\n", "build/out.py": "ignored\n"})
    workers.start()
    index(client, workers, root)
    assert look(client, root) == []

    times = os.stat(root / "kept_times.py")
    (root / "kept_times.py").write_text("x = 2\n")
    os.utime(root / "kept_times.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    (root / "gone.py").unlink()
    write_tree(
        root,
        {
            "a.py": "a = 22\n",
            "build/tracked.py": "t = 22\n",
            "build/another.py": "ignored\n",
            "new/d.py": "d = 1\n",
            "new.jks": "a key store\n",
            "empty.py": "e = 1\n",
        },
    )

    assert look(client, root) == sorted(
        ["a.py", "build/tracked.py", "empty.py", "gone.py", "kept_times.py", "new.jks", "new/d.py"]
    )
    index(client, workers, root)
    assert look(client, root) == []


def test_what_a_rule_leaves_out_from_now_on_is_a_change(client: Client, workers: Workers, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "plain", {"a.py": "a = 1\n", "docs/b.md": "# b\n"})
    workers.start()
    index(client, workers, root)

    (root / ".pgdexignore").write_text("docs/\n")

    assert look(client, root) == [".pgdexignore", "docs/b.md"]
