"""One database for all agents. The servers may not do jobs, so they start no workers: each test says what is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection, connect
from tests.contract.agents import TRANSPORTS, Agent, Agents, http_server
from tests.support.databases import new_database, settings_for, url_of
from tests.support.logins import new_login
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on

PROJECT = "shop"
SEARCHED: dict[str, str | bytes] = {
    "shop/cart.py": "def add_to_cart(item: str, quantity: int) -> None:\n"
    '    """Put an item into the shopping cart."""\n    basket.append((item, quantity))\n',
    "shop/checkout.ts": "export function payInvoice(total: number): boolean {\n  return charge(total);\n}\n",
    "empty.py": "",
    "blob.bin": b"\x00\x01\x02" * 100,
}


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop in a thread."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="session")
def admin_url(server_url: str, template: str) -> Iterator[str]:
    """The database of all agents, for whoever may do everything."""
    with new_database(server_url, template=template, label="contract") as name:
        yield url_of(server_url, name)


@pytest.fixture(scope="session")
def client_url(admin_url: str) -> Iterator[str]:
    """The same database under a login that may ask for jobs and not do them."""
    with new_login(admin_url, "pgdex_client") as url:
        yield url


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers are started."""
    return tmp_path_factory.mktemp("servers").resolve()


@pytest.fixture(scope="session")
def http_url(client_url: str, folder: Path) -> Iterator[str]:
    """A server over HTTP."""
    with http_server(folder, PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(folder / "home")) as url:
        yield url


@pytest.fixture(scope="session")
def agents(portal: BlockingPortal, folder: Path, client_url: str, http_url: str) -> Iterator[Agents]:
    """All agents of the common database."""
    agents = Agents(portal, folder, client_url, http_url)
    yield agents
    agents.close()


@pytest.fixture(params=TRANSPORTS)
def agent(request: pytest.FixtureRequest, agents: Agents) -> Agent:
    """Each agent in turn."""
    return agents.agent(request.param)


@pytest.fixture
def admin(admin_url: str) -> Iterator[Connection]:
    """A connection that may do everything."""
    with connect(settings_for(admin_url), application="pgdex test") as connection:
        yield connection


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository of the test's own."""
    return python_tree(tmp_path.resolve() / "small", 3)


@pytest.fixture(scope="session")
def indexed(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that real workers have indexed in the project `shop`; they have ended since."""
    root = write_tree(tmp_path_factory.mktemp("indexed").resolve() / "shop", SEARCHED)
    python_tree(root, 5)
    folder = tmp_path_factory.mktemp("workers")
    with Client.open(settings_for(admin_url)) as client, workers_on(admin_url, folder) as workers:
        job_id = client.start(root, project=PROJECT).job_id
        assert wait_for_end(client, job_id, workers=workers).status == "completed"
    return root
