"""What is rare in a repository counts most in the vector of a query."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pgdex.indexer.search import SearchRequest, search
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.rarity import frequencies_of
from pgdex.indexer.search.views import searched_tables, searched_views
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import query_embedder_for
from tests.integration.search.shop import index
from tests.support.databases import new_database, settings_for, url_of
from tests.support.trees import write_tree
from tests.support.workers import workers_on

QUESTION = "sort the invoices"
SORTING = "def arranged(rows):\n    return sorted(rows, key=first_column)\n"
BILLING = "def invoice(customer):\n    return Invoice(customer.address, customer.orders)\n"


@pytest.fixture(scope="module")
def client(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Two projects: one in which nearly everything is about invoices, and one in which it is about sorting."""
    trees = tmp_path_factory.mktemp("trees")
    with ExitStack() as stack:
        url = url_of(server_url, stack.enter_context(new_database(server_url, template=template)))
        client = stack.enter_context(Client.open(settings_for(url, embedder="code")))
        workers = stack.enter_context(workers_on(url, tmp_path_factory.mktemp("workers")))
        for project, common, rare in (("billing", BILLING, SORTING), ("sorting", SORTING, BILLING)):
            files: dict[str, str | bytes] = {
                f"common_{number}.py": f"# part {number}\n{common}" for number in range(40)
            }
            files["rare.py"] = rare
            index(client, workers, write_tree(trees / project, files), project=project)
        yield client


@pytest.mark.parametrize("project", ["billing", "sorting"])
def test_of_a_question_by_vectors_what_is_rare_in_the_repository_is_found_first(client: Client, project: str) -> None:
    request = SearchRequest(QUESTION, project_id=project)
    found = search(
        client.connection,
        request,
        open_embedder=lambda spec: query_embedder_for(spec, client.settings),
        retrievers=("vectors",),
    )
    assert Path(found.hits[0].path).name == "rare.py"


@pytest.mark.parametrize(("project", "rare"), [("billing", "sort"), ("sorting", "invoices")])
def test_a_word_counts_less_the_more_chunks_have_it(client: Client, project: str, rare: str) -> None:
    request = SearchRequest(QUESTION, project_id=project)
    (table,) = searched_tables(searched_views(client.connection, request))
    weights = frequencies_of(client.connection, table, understand(QUESTION).terms).weights(f"how to {QUESTION}")
    common = ({"sort", "invoices"} - {rare}).pop()
    assert 0 < weights[common] < 0.5 < weights[rare] <= 1
    assert weights["how"] == 0.5, "what only asks is not counted"
