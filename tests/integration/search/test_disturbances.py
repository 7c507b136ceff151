"""Searching while the embedding service is away, and while files are replaced."""

import threading
import time
from pathlib import Path

import pytest

from pgdex.indexer.search import RelatedRequest, SearchRequest, SearchResult, related, search
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for
from tests.integration.search.shop import FILES, index
from tests.support.databases import settings_for
from tests.support.embedding_server import MODEL, EmbeddingServer
from tests.support.trees import python_tree, write_tree
from tests.support.workers import workers_on


@pytest.mark.parametrize("fault", ["down", "server_error", "nan"])
def test_an_embedder_that_is_away_leaves_the_words_with_a_note_and_is_asked_once(
    database_url: str, tmp_path: Path, fault: str
) -> None:
    (tmp_path / "workers").mkdir()
    roots = [write_tree(tmp_path / name, FILES) for name in ("one", "two")]
    spec = f"ollama:{MODEL}"
    with EmbeddingServer() as service:
        settings = settings_for(database_url, embedder=spec, embedder_url=service.url)
        with (
            Client.open(settings) as client,
            workers_on(
                database_url, tmp_path / "workers", PGDEX_EMBEDDER=spec, PGDEX_EMBEDDER_URL=service.url
            ) as workers,
        ):
            for root in roots:
                index(client, workers, root)

            def find() -> SearchResult:
                return search(
                    client.connection,
                    SearchRequest("compute_delay", project_id="default"),
                    open_embedder=lambda name: embedder_for(name, settings),
                )

            assert find().notes == []
            service.reset_counts()
            service.fail(fault)
            result = find()
            assert result.hits[0].path == "src/retry_policy.py"
            assert len(result.notes) == 2
            assert all("Only words were searched" in note for note in result.notes)
            assert all(any(str(root) in note for note in result.notes) for root in roots)
            if fault != "down":
                assert service.counts().calls == 1
            service.recover()
            assert find().notes == []


def test_a_search_goes_on_while_files_are_replaced(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    root = python_tree(tmp_path / "tree", 60)
    found: list[list[str]] = []
    failures: list[BaseException] = []
    ended = threading.Event()

    def search_on() -> None:
        try:
            with Client.open(settings_for(database_url, embedder="hashing")) as client:
                while not ended.is_set():
                    result = search(
                        client.connection,
                        SearchRequest("run_42", project_id="default", limit=20),
                        open_embedder=embedder_for,
                    )
                    found.append([hit.path for hit in result.hits])
                    place = related(
                        client.connection,
                        RelatedRequest(project_id="default", root=str(root), path="package_0/module_42.py", line=8),
                    )
                    assert place.hits
        except BaseException as error:
            failures.append(error)

    with (
        Client.open(settings_for(database_url, embedder="hashing")) as client,
        workers_on(database_url, tmp_path / "workers") as workers,
    ):
        index(client, workers, root)
        thread = threading.Thread(target=search_on)
        thread.start()
        try:
            for _ in range(3):
                index(client, workers, root, force=True)
            end = time.monotonic() + 30
            while len(found) < 5 and not failures and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            ended.set()
            thread.join()
    assert failures == []
    assert len(found) >= 5
    assert all(paths[0] == "package_0/module_42.py" for paths in found)
    assert all(len(set(paths)) == len(paths) for paths in found)
