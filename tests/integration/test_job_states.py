"""The job machine against a model of it, in any order of calls."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pgdex.jobs.database.connection import Connection
from tests.support.job_machine import JobMachine


@pytest.mark.timeout(3600)  # for HYPOTHESIS_PROFILE=thorough; otherwise it takes some seconds
def test_the_machine_does_what_its_model_says(connection: Connection) -> None:
    class OnThisDatabase(JobMachine):
        def __init__(self) -> None:
            super().__init__(connection)

    thorough = settings().max_examples >= 1000
    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            max_examples=2000 if thorough else 40,
            stateful_step_count=80 if thorough else 50,
            suppress_health_check=list(HealthCheck),
        ),
    )
