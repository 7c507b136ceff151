"""A client, workers and commands on the test's own database; `configuration` says what is special about a module's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from tests.support.databases import settings_for
from tests.support.embedding_server import MODEL, EmbeddingServer
from tests.support.later_revision import later_revision
from tests.support.logins import CHECKOUT
from tests.support.workers import Workers, end_processes_in, workers_on


@pytest.fixture
def configuration() -> dict[str, object]:
    """The settings, by name, of the client, the workers and the commands. For modules to override."""
    return {}


@pytest.fixture
def variables(configuration: dict[str, object]) -> dict[str, str]:
    """The module's configuration as environment variables."""
    return {f"PGDEX_{name.upper()}": str(value) for name, value in configuration.items()}


@pytest.fixture
def client(database_url: str, configuration: dict[str, object]) -> Iterator[Client]:
    """A client with the module's configuration."""
    with Client.open(settings_for(database_url, **configuration)) as client:
        yield client


@pytest.fixture
def processes_folder(tmp_path: Path) -> Path:
    """Where worker processes run and log."""
    folder = tmp_path / "processes"
    folder.mkdir()
    return folder


@pytest.fixture
def workers(database_url: str, processes_folder: Path, variables: dict[str, str]) -> Iterator[Workers]:
    """Worker processes with the module's configuration; none is started yet."""
    with workers_on(database_url, processes_folder, count=0) as workers:
        workers.environment = dict(variables)
        yield workers


@pytest.fixture
def environment(database_url: str, variables: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a user who uses `database_url`. Workers that commands start in the background end with it."""
    home = tmp_path / "home"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    yield {
        **kept,
        **variables,
        "PGDEX_DATABASE_URL": database_url,
        "PGDEX_HOME": str(home),
        "PYTHONPATH": str(CHECKOUT),
        "TERM": "xterm-256color",
        "COLUMNS": "",
    }
    assert end_processes_in(home) == []


@pytest.fixture
def later(tmp_path: Path) -> Iterator[str]:
    """The name of a revision that comes after the newest one, which this process has for the time of the test."""
    with later_revision(tmp_path / "later") as name:
        yield name


@pytest.fixture
def service() -> Iterator[EmbeddingServer]:
    """An embedding service, whose latency makes a job last as long as a test needs."""
    with EmbeddingServer() as service:
        yield service


@pytest.fixture
def service_configuration(service: EmbeddingServer) -> dict[str, object]:
    """The settings of who embeds with `service`."""
    return {"embedder": f"ollama:{MODEL}", "embedder_url": service.url}
