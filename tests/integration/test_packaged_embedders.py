"""A package's embedder from end to end: workers of their own processes find it, and a search uses it."""

import os
import sys
from pathlib import Path

import pytest

from pgdex.indexer.search.request import SearchRequest
from pgdex.jobs.cli.commands.search import WORDS
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.search import search_code
from tests.support.job_checks import value
from tests.support.trees import python_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers
from tests.unit.test_embedding_plugins import example, write_package


@pytest.fixture
def configuration() -> dict[str, object]:
    """The embedder of the documentation's package."""
    return {"embedder": "acme:64"}


def test_a_repository_is_indexed_and_searched_with_a_packages_embedder(
    client: Client, workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    write_package(site, example())
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "acme_embedder", raising=False)
    workers.environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    workers.start()

    job = client.start(python_tree(tmp_path / "repository", 4)).job_id

    assert wait_for_end(client, job, workers=workers).status == "completed"
    models = client.connection.execute("select name, dimension from pgdex.embedding_models").fetchall()
    assert models == [("acme:64", 64)]
    assert value(client.connection, "select count(*) from pgdex.chunks where embedding is not null") >= 4
    assert search_code(client, SearchRequest("a function", project_id="default"), words=WORDS).hits
