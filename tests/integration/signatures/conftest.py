"""A repository of many vectors, which the tests of a module share."""

from collections.abc import Iterator

import pytest

from pgdex.jobs.database.connection import connect
from tests.integration.signatures.scene import Scene
from tests.support.databases import new_database, settings_for, url_of


@pytest.fixture(scope="module")
def scene(server_url: str, template: str) -> Iterator[Scene]:
    with (
        new_database(server_url, template=template) as name,
        connect(settings_for(url_of(server_url, name))) as connection,
    ):
        yield Scene(connection)
