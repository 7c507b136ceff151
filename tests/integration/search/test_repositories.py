"""Which repositories a search looks into, and that it never crosses a project."""

from pathlib import Path

import pytest

from pgdex.indexer.search import RelatedRequest, SearchRefused, SearchRequest, related, search
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.freshness import FrontEndWords
from pgdex.jobs.client.search import search_code
from pgdex.jobs.embedders import embedder_for
from tests.integration.search.shop import EVERY, FILES, Shop, index
from tests.support.databases import settings_for
from tests.support.trees import write_tree
from tests.support.workers import workers_on


@pytest.mark.parametrize("retrievers", [("words",), ("vectors",), ("words", "vectors")], ids="+".join)
@pytest.mark.parametrize(
    "query", ["quarterly_numbers", "belong to another project", "src/retry_policy.py", "compute_delay"]
)
def test_another_projects_chunks_are_never_found(shop: Shop, query: str, retrievers: tuple[str, ...]) -> None:
    ours = shop.search(query, retrievers=retrievers, **EVERY).hits
    theirs = shop.search(query, retrievers=retrievers, project_id="secret", **EVERY).hits
    assert theirs
    assert {hit.repo_path for hit in ours} <= {str(shop.root)}
    assert all("another project" not in hit.content for hit in ours)
    assert str(shop.root) not in {hit.repo_path for hit in theirs}


def test_another_projects_repository_is_not_found_by_its_path_either(shop: Shop) -> None:
    (root,) = {hit.repo_path for hit in shop.search("quarterly_numbers", project_id="secret").hits}
    assert shop.paths("quarterly_numbers", repo=root) == []
    with pytest.raises(SearchRefused, match="is not indexed in project default"):
        related(shop.client.connection, RelatedRequest(project_id="default", root=root, path="a.py", line=1))


def test_a_repository_is_chosen_by_path_folder_or_part_of_its_name(shop: Shop) -> None:
    for repo in (str(shop.root), str(shop.root.parent), str(shop.root.parent) + "/", "shop", "SHO"):
        assert shop.paths("compute_delay", repo=repo)[0] == "src/retry_policy.py"
    for repo in ("elsewhere", str(shop.root) + "x", str(shop.root)[:-1] + "_", "%", "sh_p"):
        assert shop.paths("compute_delay", repo=repo) == []


def test_a_project_without_repositories_finds_nothing(shop: Shop) -> None:
    assert shop.search("compute_delay", project_id="empty").hits == []


def test_a_repository_that_was_never_indexed_finds_nothing_and_says_that_it_is_waiting(
    database_url: str, tmp_path: Path
) -> None:
    root = write_tree(tmp_path / "new", FILES)
    with Client.open(settings_for(database_url, embedder="hashing")) as client:
        client.start(root)
        words = FrontEndWords(index="pgdex index", narrow="{glob} in {root}", widen="--all")
        found = search_code(client, SearchRequest("compute_delay", project_id="default"), words=words)
        assert found.hits == []
        assert [note for note in found.notes if str(root) in note and "pending" in note]
        with pytest.raises(SearchRefused, match=r"a\.py is not indexed"):
            related(client.connection, RelatedRequest(project_id="default", root=str(root), path="a.py", line=1))


def test_a_copy_in_another_repository_is_named_with_its_repository(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    roots = [write_tree(tmp_path / name, {"src/first_copy.js": FILES["src/first_copy.js"]}) for name in ("one", "two")]
    with Client.open(settings_for(database_url, embedder="hashing")) as client:
        with workers_on(database_url, tmp_path / "workers") as workers:
            for root in roots:
                index(client, workers, root)
        result = search(
            client.connection, SearchRequest("chunkInvoices", project_id="default"), open_embedder=embedder_for
        )
    (hit,) = result.hits
    (other,) = hit.also_in
    assert {f"{hit.repo_path}/{hit.path}", other} == {f"{root}/src/first_copy.js" for root in roots}
