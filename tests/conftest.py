"""Fixtures on real PostgreSQL: the embedded server, or the one of PGDEX_TEST_DATABASE_URL."""

import gc
import os
from collections.abc import Iterator

import hypothesis
import pytest

from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import (
    SERVER_VARIABLE,
    embedded_server,
    new_database,
    settings_for,
    upgraded_template,
    url_of,
)

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure() -> None:
    """No test depends on the configuration of the person who runs it; worker processes inherit what is left."""
    for name in [name for name in os.environ if name.startswith("PGDEX_") and name != SERVER_VARIABLE]:
        del os.environ[name]
    # The person's excludes of git would leave files out, in the walks of the tests as in git's own.
    os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", XDG_CONFIG_HOME=os.devnull)
    gc.disable()  # until all are collected: 8,000 tests stay, and looking through them takes a sixth of the time


def pytest_collection_finish() -> None:
    """What was collected is not looked through with the garbage of each test, which takes a tenth of the time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def server_url() -> str:
    """A running server; each pytest-xdist process has an embedded one of its own."""
    return os.environ.get(SERVER_VARIABLE) or embedded_server()


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a database with the schema in it and nothing else."""
    with upgraded_template(server_url) as name:
        yield name


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database that pgdex was never put into."""
    with new_database(server_url) as name:
        yield url_of(server_url, name)


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A database of the test's own, with the schema up to date and no rows but the schema's version."""
    with new_database(server_url, template=template) as name:
        yield url_of(server_url, name)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """An autocommit connection to `database_url`, with pgdex's search path."""
    with connect(settings_for(database_url), application="pgdex test") as connection:
        yield connection


@pytest.fixture(scope="session")
def container_url() -> Iterator[str]:
    """PostgreSQL with pgvector in a container, for tests under the marker `container`."""
    from testcontainers.community.postgres import PostgresContainer  # needs an engine as soon as it is imported

    with PostgresContainer("pgvector/pgvector:pg18", driver=None) as container:
        yield container.get_connection_url()
