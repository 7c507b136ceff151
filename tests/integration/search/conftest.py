"""The shop that the tests of searching look at."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pgdex.jobs.client.client import Client
from tests.integration.search.shop import FILES, NOTES, RETRY_POLICY, Shop, index
from tests.support.databases import new_database, settings_for, url_of
from tests.support.trees import write_tree
from tests.support.workers import workers_on

SECRET = "def quarterly_numbers():\n    return 'compute_delay and Session belong to another project'\n"


@pytest.fixture(scope="session")
def shop(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Indexed once, since no test changes it."""
    root = write_tree(tmp_path_factory.mktemp("trees") / "shop", FILES)
    other = write_tree(
        tmp_path_factory.mktemp("trees") / "other", {"src/retry_policy.py": SECRET, "a.py": RETRY_POLICY}
    )
    notes = write_tree(tmp_path_factory.mktemp("trees") / "notes", NOTES)
    with ExitStack() as stack:
        url = url_of(server_url, stack.enter_context(new_database(server_url, template=template)))
        client = stack.enter_context(Client.open(settings_for(url, embedder="hashing")))
        with workers_on(url, tmp_path_factory.mktemp("workers")) as workers:
            index(client, workers, root)
            index(client, workers, other, project="secret")
            index(client, workers, notes, project="notes")
        yield Shop(client, root)
