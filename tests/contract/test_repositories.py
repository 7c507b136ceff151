"""Listing, removing and retrying, through every agent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp_types import ElicitResult

from pgdex.jobs.database.connection import Connection
from tests.contract.agents import TRANSPORTS, Agent, Agents
from tests.contract.test_jobs import half_done, project, start
from tests.support.job_checks import value
from tests.support.second_views import new_view
from tests.support.sql_worker import SqlWorker, enqueue, tree

JOBS_LEFT = "select count(*) from pgdex.indexing_jobs where project_id = %s"
VIEWS_LEFT = (
    "select coalesce(string_agg(root, ',' order by root), '') from pgdex.views"
    " where project_id = %s and removed_at is null"
)


def indexed_in(admin: Connection, mine: str, root: str) -> None:
    """A repository with a completed job and nothing else in the queue."""
    admin.execute("select pgdex.cancel_job(job_id) from pgdex.job_status where status in ('pending', 'running')")
    admin.execute("delete from procrastinate_jobs")
    enqueue(admin, root, project=mine)
    SqlWorker(admin).work_all(tree(4))


@pytest.fixture
def root(tmp_path: Path) -> str:
    """Where a repository was: the folder is gone."""
    return str(tmp_path.resolve() / "web")


@pytest.fixture(params=TRANSPORTS)
def asking(request: pytest.FixtureRequest, agents: Agents) -> Iterator[Agent]:
    """Each agent in turn, with a client that shows questions to its user."""
    agents.questions.clear()
    yield agents.agent(request.param, asks=True)
    agents.answer_of_the_user = None


def test_a_list_tells_what_is_indexed_what_is_shared_and_what_is_gone(
    agent: Agent, admin: Connection, root: str, repository: Path
) -> None:
    mine = project()
    indexed_in(admin, mine, root)
    new_view(admin, of=root, root=str(repository), branch="fix")

    answer = agent.call("list_repositories", project_id=mine).data

    (web,) = answer["repositories"]
    assert (answer["total_count"], answer["has_more"], answer.get("next_offset")) == (1, False, None)
    assert (answer["project_id"], answer["project_source"]) == (mine, "argument")
    assert (web["name"], web["chunks"], web["source_bytes"], web["shared_source_bytes"]) == ("web", 4, 40, 40)
    assert [(one["repo_path"], one.get("branch"), one["files"], one.get("missing")) for one in web["views"]] == [
        (root, None, 4, True),
        (str(repository), "fix", 4, None),
    ]
    assert web["views"][0]["last_job_status"] == "completed"
    shown = agent.call("list_repositories", project_id=mine).text.splitlines()
    assert shown[:2] == [f"1 repository in project {mine}", "web: 4 chunks, less than 1 MB on disk"]
    assert shown[2].startswith(f"  {root}: 4 files, indexed 20")
    assert shown[2].endswith(", the folder is gone, default view")
    assert shown[3].startswith(f"  {repository}: branch fix, 4 files, ")
    only = agent.call("list_repositories", project_id=mine, repo_path=root).data
    assert only["repositories"] == answer["repositories"]
    assert agent.call("list_repositories", project_id=mine, repo_path="/no/such").data["repositories"] == []


def test_a_list_has_pages_and_keeps_to_its_project(agent: Agent, admin: Connection) -> None:
    mine = project()
    for number in range(3):
        enqueue(admin, f"/pages/r{number}", project=mine)
    enqueue(admin, "/pages/other", project=project())

    pages = [agent.call("list_repositories", project_id=mine, limit=2, offset=offset).data for offset in (0, 2)]

    assert [one["name"] for page in pages for one in page["repositories"]] == ["r0", "r1", "r2"]
    assert [(page["has_more"], page.get("next_offset")) for page in pages] == [(True, 2), (False, None)]
    assert agent.call("list_repositories", project_id=project()).code == "VALIDATION_ERROR"


def test_nothing_is_removed_before_someone_said_yes(agent: Agent, admin: Connection, root: str) -> None:
    mine = project()
    indexed_in(admin, mine, root)
    what = {"repo_path": root, "project_id": mine}

    told = agent.call("remove_repository", **what).data

    assert (told["removed"], told["confirmation_required"], told["is_complete"]) == (False, True, False)
    assert "4 files (4 chunks)" in told["lost"]
    assert "confirmed=true" in told["message"]
    assert value(admin, VIEWS_LEFT, mine) == root

    done = agent.call("remove_repository", **what, confirmed=True).data

    assert (done["removed"], done["confirmation_required"], done["is_complete"]) == (True, False, True)
    assert done["repo_paths"] == [root]
    assert value(admin, VIEWS_LEFT, mine) == ""
    assert value(admin, JOBS_LEFT, mine) == 0
    assert root not in agent.call("remove_repository", **what).error.replace(f"repository {root}", "")


def test_a_folder_is_removed_and_the_other_views_stay_unless_all_are_meant(
    agent: Agent, admin: Connection, root: str
) -> None:
    mine = project()
    indexed_in(admin, mine, root)
    for name in ("fix", "next"):
        new_view(admin, of=root, root=f"{root}-{name}")

    one = agent.call("remove_repository", repo_path=f"{root}-fix", project_id=mine, confirmed=True).data

    assert "4 files that other views hold too" in one["kept"]
    assert value(admin, VIEWS_LEFT, mine) == f"{root},{root}-next"
    both = agent.call("remove_repository", repo_path=root, project_id=mine, all_views=True, confirmed=True).data
    assert both["repo_paths"] == [root, f"{root}-next"]
    assert value(admin, VIEWS_LEFT, mine) == ""


def test_what_is_being_indexed_or_belongs_to_others_is_not_removed(
    agent: Agent, admin: Connection, repository: Path
) -> None:
    mine = project()
    job = start(agent, repository, mine)
    refused = agent.call("remove_repository", repo_path=str(repository), project_id=mine, confirmed=True)
    assert refused.code == "JOB_IS_LIVE"
    assert job in refused.error
    assert "cancel_indexing_background" in refused.error
    agent.call("cancel_indexing_background", job_id=job, project_id=mine, confirmed=True)
    enqueue(admin, "/r/of/another", project=(other := project()))
    for where in ({"project_id": other}, {}):
        assert agent.call("remove_repository", repo_path=str(repository), confirmed=True, **where).code == (
            "VALIDATION_ERROR"
        )
    assert value(admin, VIEWS_LEFT, mine) == str(repository)


def test_a_user_who_agrees_has_removed_it_and_one_who_does_not_has_not(
    asking: Agent, agents: Agents, admin: Connection, root: str
) -> None:
    mine = project()
    indexed_in(admin, mine, root)
    what = {"repo_path": root, "project_id": mine}
    agents.answer_of_the_user = lambda _question: ElicitResult(action="decline")

    told = asking.call("remove_repository", **what).data

    assert (told["removed"], told["confirmation_required"]) == (False, False)
    assert "did not agree" in told["message"]
    assert value(admin, VIEWS_LEFT, mine) == root

    agents.questions.clear()
    agents.answer_of_the_user = lambda _question: ElicitResult(action="accept", content={"agreed": True})

    assert asking.call("remove_repository", **what).data["removed"] is True
    assert len(agents.questions) == 1
    assert all(part in agents.questions[0] for part in (root, mine, "files on the disk stay"))
    assert value(admin, VIEWS_LEFT, mine) == ""


def test_a_failed_job_is_started_again(agent: Agent, admin: Connection) -> None:
    mine = project()
    job = half_done(admin, mine)
    assert agent.call("retry_indexing", job_id=job, project_id=mine).code == "JOB_IS_LIVE"
    admin.execute("select pgdex.fail_job(%s, 'no good', 'SomeError')", [job])

    answer = agent.call("retry_indexing", job_id=job, project_id=mine).data

    assert (answer["retried_job_id"], answer["already_running"], answer["status"]) == (job, False, "pending")
    assert answer["job_id"] != job
    again = agent.call("retry_indexing", job_id=job, project_id=mine).data
    assert (again["job_id"], again["already_running"]) == (answer["job_id"], True)
    assert agent.call("retry_indexing", job_id=job, project_id=project()).code in ("JOB_NOT_FOUND", "VALIDATION_ERROR")


def test_a_completed_job_is_not_started_again(agent: Agent, admin: Connection, root: str) -> None:
    mine = project()
    indexed_in(admin, mine, root)
    job = value(admin, "select id from pgdex.indexing_jobs where project_id = %s", mine)
    refused = agent.call("retry_indexing", job_id=str(job), project_id=mine)
    assert refused.code == "JOB_IS_FINAL"
    assert "start_indexing_background" in refused.error
