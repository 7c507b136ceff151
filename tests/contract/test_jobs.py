"""Starting, looking, listing, and cancelling, through every agent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection
from tests.contract.agents import Agent
from tests.contract.conftest import PROJECT
from tests.support.databases import settings_for
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.trees import python_tree


def project() -> str:
    """A project that no other test uses."""
    return f"p{uuid4().hex[:12]}"


def start(agent: Agent, repository: Path, project_id: str) -> str:
    """A job's id."""
    return str(agent.call("start_indexing_background", repo_path=str(repository), project_id=project_id).data["job_id"])


def half_done(admin: Connection, project_id: str, repo_path: str = "/half/done") -> str:
    """A running job with 4 of 10 files committed, one of them skipped."""
    # What other tests left would come first.
    admin.execute("select pgdex.cancel_job(job_id) from pgdex.job_status where status in ('pending', 'running')")
    admin.execute("delete from procrastinate_jobs")
    job_id = enqueue(admin, repo_path, project=project_id)
    worker = SqlWorker(admin)
    worker.plan(worker.take(), tree(10))
    worker.complete(worker.take(), skipped=1)
    worker.complete(worker.take())
    return str(job_id)


def test_a_start_answers_with_everything_that_an_agent_needs(agent: Agent, repository: Path, admin: Connection) -> None:
    mine = project()

    answer = agent.call("start_indexing_background", repo_path=str(repository), project_id=mine, name="tiny").data

    assert answer["status"] == "pending"
    assert answer["already_running"] is False
    assert answer["repo_path"] == str(repository)
    assert (answer["project_id"], answer["project_source"]) == (mine, "argument")
    assert "database_name" not in answer
    assert 1 <= answer["estimated_duration_seconds"] < 60
    assert "A short job" in answer["message"]
    assert mine in answer["message"]
    row = admin.execute("select repository from pgdex.job_status where job_id = %s", [answer["job_id"]]).fetchone()
    assert row == ("tiny",)


def test_a_server_that_can_start_no_workers_says_what_to_do(agent: Agent, admin: Connection, repository: Path) -> None:
    admin.execute("delete from pgdex.procrastinate_workers")  # those of other tests look alive for five seconds

    answer = agent.call("start_indexing_background", repo_path=str(repository), project_id=project()).data

    assert "pgdex worker" in answer["message"]


def test_a_second_start_returns_the_id_of_the_first(agent: Agent, repository: Path) -> None:
    mine = project()
    first = start(agent, repository, mine)

    answer = agent.call(
        "start_indexing_background", repo_path=f"{repository}/../{repository.name}", project_id=mine
    ).data

    assert answer["job_id"] == first
    assert answer["already_running"] is True


def test_a_status_tells_how_far_a_job_is_and_why_files_are_skipped(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)

    answer = agent.call("get_indexing_status", job_id=job_id, project_id=mine).data

    assert (answer["job_id"], answer["status"], answer["is_final"]) == (job_id, "running", False)
    assert (answer["files_scanned"], answer["files_to_index"], answer["files_indexed"]) == (10, 10, 3)
    assert answer["files_skipped"] == 1
    assert answer["skipped_reasons"] == [{"reason": "binary", "files": 1}]
    assert answer["chunks_created"] == 3
    assert 40 < answer["progress_percentage"] < 60
    assert "4/10 files" in answer["progress_message"]
    assert answer["created_at"] is not None
    assert answer["started_at"] is not None
    assert not {"completed_at", "cancelled_at", "summary"} & answer.keys()
    assert 2 <= answer["ask_again_in_seconds"] <= 30


def test_a_completed_job_has_a_summary(agent: Agent, indexed: Path) -> None:
    job_id = agent.call("list_background_jobs", project_id=PROJECT, status="completed").data["jobs"][0]["job_id"]

    answer = agent.call("get_indexing_status", job_id=job_id, project_id=PROJECT).data

    assert (answer["status"], answer["progress_percentage"], answer["is_final"]) == ("completed", 100.0, True)
    assert answer["files_indexed"] == 7
    assert answer["summary"].keys() >= {"duration_seconds", "seconds"}
    assert not answer["summary"].keys() & answer.keys(), "nothing is said twice"
    assert answer["skipped_reasons"] == [{"reason": "binary", "files": 1}, {"reason": "empty", "files": 1}]
    assert not {"ask_again_in_seconds", "estimated_time_remaining_seconds"} & answer.keys()


def test_a_failed_job_says_why(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)
    admin.execute(
        "select pgdex.fail_job(%s, %s, %s, %s)", [job_id, "may not read it", "PermissionError", "Traceback …"]
    )

    answer = agent.call("get_indexing_status", job_id=job_id, project_id=mine).data

    assert (answer["status"], answer["error_type"]) == ("failed", "PermissionError")
    assert answer["error_message"] == "may not read it"
    assert "Traceback" not in str(answer)


def test_a_list_is_newest_first_and_has_pages(agent: Agent, tmp_path: Path) -> None:
    mine = project()
    ids = [start(agent, python_tree(tmp_path.resolve() / f"r{number}", 1), mine) for number in range(5)]

    pages = [agent.call("list_background_jobs", project_id=mine, limit=2, offset=offset).data for offset in (0, 2, 4)]

    assert [job["job_id"] for page in pages for job in page["jobs"]] == ids[::-1]
    assert [page["total_count"] for page in pages] == [5, 5, 5]
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert [page.get("next_offset") for page in pages] == [2, 4, None]
    assert agent.call("list_background_jobs", project_id=mine, offset=9).data["jobs"] == []


def test_a_list_is_filtered_by_status_one_or_several(agent: Agent, admin: Connection, repository: Path) -> None:
    mine = project()
    running = half_done(admin, mine)
    pending = start(agent, repository, mine)

    def ids(**filters: object) -> set[str]:
        return {job["job_id"] for job in agent.call("list_background_jobs", project_id=mine, **filters).data["jobs"]}

    assert ids(status="running") == {running}
    assert ids(status=["pending"]) == {pending}
    assert ids(status=["pending", "running"]) == ids() == {pending, running}
    assert ids(status="completed") == set()


def test_a_list_is_filtered_by_a_repository_or_a_folder_above(agent: Agent, tmp_path: Path) -> None:
    mine, root = project(), tmp_path.resolve()
    ids = {name: start(agent, python_tree(root / name, 1), mine) for name in ("web/shop", "web/blog", "web-old")}

    def found(repo_path: str) -> set[str]:
        page = agent.call("list_background_jobs", project_id=mine, repo_path=repo_path).data
        return {job["job_id"] for job in page["jobs"]}

    assert found(f"{root}/web/shop") == {ids["web/shop"]}
    assert found(f"{root}/web") == found(f"{root}/web/") == {ids["web/shop"], ids["web/blog"]}
    assert found(f"{root}/elsewhere") == set()


def test_a_list_is_filtered_by_time(agent: Agent, repository: Path) -> None:
    mine = project()
    job_id = start(agent, repository, mine)
    created = datetime.fromisoformat(
        agent.call("get_indexing_status", job_id=job_id, project_id=mine).data["created_at"]
    )
    later = (created + timedelta(seconds=1)).isoformat()

    def total(**filters: str) -> int:
        return int(agent.call("list_background_jobs", project_id=mine, **filters).data["total_count"])

    assert total(created_after=created.isoformat(), created_before=later) == 1
    assert total(created_after=later) == 0
    assert total(created_before=created.isoformat()) == 0
    assert total(created_after=created.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()) == 1


def test_without_confirmation_nothing_is_cancelled_and_the_loss_is_named(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)

    answer = agent.call("cancel_indexing_background", job_id=job_id, project_id=mine).data

    assert (answer["cancelled"], answer["confirmation_required"], answer["status"]) == (False, True, "running")
    assert "what this job indexed (3 files) stays searchable" in answer["kept"]
    assert "the others (6 files) stay as they were" in answer["lost"]
    assert "confirmed=true" in answer["message"]
    assert agent.call("get_indexing_status", job_id=job_id, project_id=mine).data["status"] == "running"


def test_with_confirmation_the_job_is_cancelled(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)

    answer = agent.call("cancel_indexing_background", job_id=job_id, project_id=mine, confirmed=True).data

    assert (answer["cancelled"], answer["confirmation_required"], answer["status"]) == (True, False, "cancelled")
    status = agent.call("get_indexing_status", job_id=job_id, project_id=mine).data
    assert status["status"] == "cancelled"
    assert status["cancelled_at"] is not None


def test_a_job_that_has_ended_can_not_be_cancelled(agent: Agent, repository: Path) -> None:
    mine = project()
    job = {"job_id": start(agent, repository, mine), "project_id": mine}
    agent.call("cancel_indexing_background", **job, confirmed=True)

    for confirmed in (True, False):
        reply = agent.call("cancel_indexing_background", **job, confirmed=confirmed)
        assert reply.code == "JOB_IS_FINAL"
        assert "already cancelled" in reply.error


def test_a_project_sees_no_job_of_another(agent: Agent, repository: Path, admin_url: str) -> None:
    mine, other = project(), project()
    job_id = start(agent, repository, other)
    start(agent, repository, mine)

    for tool, arguments in (
        ("get_indexing_status", {}),
        ("watch_indexing", {"timeout_seconds": 0}),
        ("cancel_indexing_background", {"confirmed": True}),
    ):
        for asked in ({"project_id": mine}, {}):
            reply = agent.call(tool, job_id=job_id, **arguments, **asked)
            assert reply.code == "JOB_NOT_FOUND"
            assert "pass the project_id" in reply.error
            assert other not in reply.error
    assert job_id not in str(agent.call("list_background_jobs", project_id=mine).data)
    with Client.open(settings_for(admin_url)) as client:
        assert client.status(job_id).status == "pending"


@pytest.mark.parametrize("tool", ["get_indexing_status", "watch_indexing", "cancel_indexing_background"])
def test_an_id_of_no_job_is_answered_like_one_of_another_project(tool: str, agent: Agent, repository: Path) -> None:
    mine, nowhere = project(), str(uuid4())
    start(agent, repository, mine)

    reply = agent.call(tool, job_id=nowhere, project_id=mine)

    assert reply.code == "JOB_NOT_FOUND"
    assert nowhere in reply.error
    assert "list_background_jobs" in reply.error


def test_the_first_characters_of_an_id_are_enough_for_every_tool(agent: Agent, repository: Path) -> None:
    mine = project()
    job_id = start(agent, repository, mine)
    begins = {"job_id": job_id[:8].upper(), "project_id": mine}

    assert agent.call("get_indexing_status", **begins).data["job_id"] == job_id
    assert agent.call("watch_indexing", **begins, timeout_seconds=0).data["job_id"] == job_id
    assert agent.call("cancel_indexing_background", **begins, confirmed=True).data["job_id"] == job_id
    assert agent.call("retry_indexing", **begins).data["retried_job_id"] == job_id
    without_a_project = agent.call("get_indexing_status", job_id=job_id[:8])
    assert without_a_project.code == "JOB_NOT_FOUND", "another project's job is not found by a part of its id"


def test_an_id_that_several_jobs_begin_with_is_refused_with_those_of_the_project(
    agent: Agent, admin: Connection, tmp_path: Path
) -> None:
    mine, other = project(), project()
    beginning = f"{uuid4().int % 16**6:06x}"
    ids = [f"{beginning}00-0000-4000-8000-{uuid4().hex[:12]}" for _ in range(3)]
    for number, (job_id, its) in enumerate(zip(ids, (mine, mine, other), strict=True)):
        admin.execute(
            "select pgdex.enqueue_job(%s, project => %s, job_id => %s)", [f"{tmp_path}/{number}", its, job_id]
        )

    refused = agent.call("get_indexing_status", job_id=beginning, project_id=mine)

    assert refused.code == "VALIDATION_ERROR"
    assert all(one in refused.error for one in ids[:2])
    assert ids[2] not in refused.error
    assert agent.call("get_indexing_status", job_id=beginning, project_id=other).data["job_id"] == ids[2]


def test_the_text_of_a_status_and_of_a_list_is_for_readers(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)

    status = agent.call("get_indexing_status", job_id=job_id, project_id=mine).text.splitlines()
    listed = agent.call("list_background_jobs", project_id=mine).text.splitlines()

    assert status[0].startswith(f"Job {job_id}: running, ")
    assert "10 files found: 10 to index, 3 indexed, 0 unchanged, 1 skipped (1 binary), 0 deleted; 3 chunks" in status
    assert status[-1].startswith("Ask again in ")
    assert listed[0] == f"1 job in project {mine}, newest first"
    assert listed[1].startswith(f"{job_id[:8]} running ")
    assert "/half/done (20" in listed[1]
