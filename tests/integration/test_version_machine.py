"""The SQL of versions and views against a model of it, in any order of jobs, removals and collections."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pgdex.jobs.database.connection import Connection
from tests.support.version_machine import VersionMachine


@pytest.mark.timeout(3600)  # for HYPOTHESIS_PROFILE=thorough; otherwise it takes some seconds
def test_versions_and_views_are_what_their_model_says(connection: Connection) -> None:
    class OnThisDatabase(VersionMachine):
        def __init__(self) -> None:
            super().__init__(connection)

    thorough = settings().max_examples >= 1000
    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            max_examples=1000 if thorough else 30,
            stateful_step_count=40 if thorough else 30,
            suppress_health_check=list(HealthCheck),
        ),
    )
