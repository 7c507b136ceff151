"""What a command does before it answers: it loads what it uses, and asks the database no more than it has to."""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from pgdex.indexer.search import SearchRequest
from pgdex.jobs.cli.commands.search import WORDS
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.search import search_code
from tests.integration.cli.commands import Environment, Run
from tests.support.databases import settings_for
from tests.support.logins import PATIENCE_SECONDS

# Each takes between 10 ms and half a second to import.
HEAVY = {
    "alembic",
    "charset_normalizer",
    "fastembed",
    "httpx2",
    "mcp",
    "model2vec",
    "numpy",
    "onnxruntime",
    "procrastinate",
    "psutil",
    "psycopg_pool",
    "pydantic",
    "pydantic_settings",
    "sqlalchemy",
    "tree_sitter",
    "tree_sitter_language_pack",
    "watchfiles",
}
# In a folder where nothing changed: where one stands (1), what has changed (2), live jobs (1), the model (1), the
# search itself (7, between BEGIN and COMMIT), which hits are outdated (1), and what the index lacks (2).
MOST_STATEMENTS = 17


@pytest.fixture
def indexed(run_pgdex: Run, worker: None, repository: Path) -> Path:
    """A folder that is indexed with the bundled model."""
    assert run_pgdex("index", str(repository), env={"PGDEX_EMBEDDER": "code"}).code == 0
    return repository


def test_a_command_loads_no_library_that_only_workers_and_servers_use(environment: Environment, indexed: Path) -> None:
    for arguments in (["search", "where are pairs added"], ["status", "last"], ["list"], ["index", ".", "--detach"]):
        done = subprocess.run(
            [sys.executable, "-P", "-X", "importtime", "-m", "pgdex.jobs.cli", *arguments],
            env=environment | {"PGDEX_EMBEDDER": "code"},
            cwd=indexed,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        loaded = set(re.findall(r"^import time:.*\| +(\w+)$", done.stderr, flags=re.MULTILINE))
        assert "psycopg" in loaded, "the report is there"
        assert not loaded & HEAVY, arguments


def test_a_search_asks_the_database_no_more_than_it_has_to(indexed: Path, database_url: str) -> None:
    request = SearchRequest("where are pairs added", project_id="default")
    with Client.open(settings_for(database_url)) as client, TemporaryFile() as protocol:
        client.connection.pgconn.trace(protocol.fileno())
        found = search_code(client, request, words=WORDS, standing_in=indexed)
        client.connection.pgconn.untrace()
        protocol.seek(0)
        sent = re.findall(rb"\tF\t\d+\t(?:Query|Execute)\t", protocol.read())
    assert found.searched == [str(indexed)]
    assert 5 < len(sent) <= MOST_STATEMENTS
