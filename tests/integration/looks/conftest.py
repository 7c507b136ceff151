"""A small tree as it is in the index, and a memory of looks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.views import innermost_view
from pgdex.jobs.watching import Looks
from tests.integration.looks.scene import Scene, fresh_tree
from tests.support.sql_worker import enqueue


@pytest.fixture
def scene(client: Client, tmp_path: Path) -> Scene:
    """A small tree, as it is in the index."""
    root = tmp_path.resolve() / "tree"
    enqueue(client.connection, str(root))
    client.connection.execute("select pgdex.cancel_job(id) from pgdex.indexing_jobs")
    client.connection.execute("update pgdex.views set last_indexed_at = now()")  # else each job is of everything
    fresh_tree(root)
    view = innermost_view(client.connection, [str(root)], project="default")
    assert view is not None
    made = Scene(client, view, root)
    made.note()
    return made


@pytest.fixture
def remembered() -> Iterator[Looks]:
    """The memory of one process."""
    made = Looks()
    yield made
    made.close()
