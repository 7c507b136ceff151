"""Clients that can ask their user are used for that, under both protocols."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mcp_types import ElicitResult

from pgdex.jobs.database.connection import Connection
from tests.contract.agents import TRANSPORTS, Agent, Agents
from tests.contract.test_jobs import half_done, project, start
from tests.support.sql_worker import SqlWorker


@pytest.fixture(params=TRANSPORTS)
def asking(request: pytest.FixtureRequest, agents: Agents) -> Iterator[Agent]:
    """Each agent in turn, with a client that shows questions to its user."""
    agents.questions.clear()
    yield agents.agent(request.param, asks=True)
    agents.answer_of_the_user = None


def accept(_question: str) -> ElicitResult:
    return ElicitResult(action="accept", content={"agreed": True})


def test_a_user_who_agrees_has_cancelled_the_job(
    asking: Agent, agents: Agents, admin: Connection, repository: Path
) -> None:
    mine = project()
    job = {"job_id": start(asking, repository, mine), "project_id": mine}
    agents.answer_of_the_user = accept

    answer = asking.call("cancel_indexing_background", **job).data

    assert (answer["cancelled"], answer["status"]) == (True, "cancelled")
    assert asking.call("get_indexing_status", **job).data["status"] == "cancelled"
    assert len(agents.questions) == 1
    assert all(part in agents.questions[0] for part in (str(repository), job["job_id"], "stays searchable"))


@pytest.mark.parametrize(
    "answer",
    [
        lambda _question: ElicitResult(action="decline"),
        lambda _question: ElicitResult(action="cancel"),
        lambda _question: ElicitResult(action="accept", content={"agreed": False}),
    ],
    ids=["decline", "dismiss", "unticked"],
)
def test_a_user_who_does_not_agree_keeps_the_job(
    answer: Callable[[str], ElicitResult], asking: Agent, agents: Agents, repository: Path
) -> None:
    mine = project()
    job = {"job_id": start(asking, repository, mine), "project_id": mine}
    agents.answer_of_the_user = answer

    told = asking.call("cancel_indexing_background", **job).data

    assert (told["cancelled"], told["confirmation_required"], told["status"]) == (False, False, "pending")
    assert "did not agree" in told["message"]
    assert asking.call("get_indexing_status", **job).data["status"] == "pending"


def test_a_job_that_moves_on_while_the_user_thinks_is_asked_about_once(
    asking: Agent, agents: Agents, admin: Connection
) -> None:
    mine = project()
    job = {"job_id": half_done(admin, mine), "project_id": mine}

    def agree_after_a_while(_question: str) -> ElicitResult:
        worker = SqlWorker(admin)
        worker.complete(worker.take())
        return accept("")

    agents.answer_of_the_user = agree_after_a_while

    assert asking.call("cancel_indexing_background", **job).data["cancelled"] is True
    assert len(agents.questions) == 1


def test_who_confirms_is_not_asked(asking: Agent, agents: Agents, repository: Path) -> None:
    mine = project()
    job_id = start(asking, repository, mine)

    assert asking.call("cancel_indexing_background", job_id=job_id, project_id=mine, confirmed=True).data["cancelled"]
    assert agents.questions == []


def test_nobody_is_asked_about_a_job_that_is_not_there_or_has_ended(
    asking: Agent, agents: Agents, repository: Path
) -> None:
    mine = project()
    job = {"job_id": start(asking, repository, mine), "project_id": mine}
    asking.call("cancel_indexing_background", **job, confirmed=True)

    assert asking.call("cancel_indexing_background", **job).code == "JOB_IS_FINAL"
    assert asking.call("cancel_indexing_background", job_id=job["job_id"]).code == "JOB_NOT_FOUND"
    assert agents.questions == []


def test_an_answer_that_is_no_answer_cancels_nothing(asking: Agent, agents: Agents, repository: Path) -> None:
    mine = project()
    job = {"job_id": start(asking, repository, mine), "project_id": mine}
    agents.answer_of_the_user = lambda _question: ElicitResult(action="accept", content={"agreed": "certainly not"})

    reply = asking.call("cancel_indexing_background", **job)

    assert reply.code == "VALIDATION_ERROR"
    assert asking.call("get_indexing_status", **job).data["status"] == "pending"
