"""`pgdex status`, `list` and `events`: which jobs there are and how they are named."""

from dataclasses import fields
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.client.models import JobEvent, JobPage, JobStatus
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Run
from tests.integration.cli.watched_jobs import running_job
from tests.support.sql_worker import enqueue


def test_without_jobs_the_commands_say_how_to_start_one(run_pgdex: Run) -> None:
    assert "pgdex index PATH" in run_pgdex("list").err
    assert run_pgdex("list", "--json").json == {
        "jobs": [],
        "total_count": 0,
        "total_count_is_exact": True,
        "has_more": False,
    }
    assert run_pgdex("status").code == ExitCode.NOT_FOUND
    assert run_pgdex("workers", "--json").json == []
    assert run_pgdex("skipped", "--json").json == {"total_count": 0, "by_reason": {}, "files": []}
    assert "Nothing is indexed in project default yet" in run_pgdex("search", "anything").err


def test_json_has_the_keys_of_the_models(run_pgdex: Run, connection: Connection) -> None:
    job_id, worker, found = running_job(connection)
    worker.work_all(found)

    status = run_pgdex("status", "--json")
    assert set(status.json) == {field.name for field in fields(JobStatus)}
    assert TypeAdapter(JobStatus).validate_python(status.json).job_id == job_id
    page = TypeAdapter(JobPage).validate_python(run_pgdex("list", "--json").json)
    assert [job.job_id for job in page.jobs] == [job_id]
    events = [TypeAdapter(JobEvent).validate_json(line) for line in run_pgdex("events", "--json").out.splitlines()]
    assert [event.event_type for event in events if event.event_type != "progress"] == [
        *("created", "started", "scanned", "completed")
    ]


@pytest.mark.parametrize("given", ["last", "11112222", "1111", "11112222-3333-4444-8555-666666666666", "111122223333"])
def test_a_job_may_be_named_by_the_beginning_of_its_id(run_pgdex: Run, connection: Connection, given: str) -> None:
    enqueue(connection, "/other", job_id=UUID("11103333-3333-4444-8555-666666666666"))
    enqueue(connection, job_id=UUID("11112222-3333-4444-8555-666666666666"))

    assert run_pgdex("status", given, "--json").json["repo_path"] == "/repo"


def test_an_id_that_several_jobs_begin_with_is_refused_with_all_of_them(run_pgdex: Run, connection: Connection) -> None:
    ids = [UUID(f"11112222-3333-4444-8555-66666666666{last}") for last in range(2)]
    for number, job_id in enumerate(ids):
        enqueue(connection, f"/repo{number}", job_id=job_id)

    refused = run_pgdex("status", "1111")

    assert refused.code == ExitCode.USAGE
    assert all(str(job_id) in refused.err for job_id in ids)


@pytest.mark.parametrize(
    "command", [["status"], ["events"], ["cancel", "--yes"], ["status", "--watch"], ["events", "--follow"]]
)
def test_a_job_that_is_not_there_is_exit_code_4(run_pgdex: Run, command: list[str]) -> None:
    missing = run_pgdex(*command, "99999999")

    assert missing.code == ExitCode.NOT_FOUND
    assert missing.out == ""
    assert missing.err.startswith("Error: there is no job 99999999")


def test_the_list_is_narrowed_by_status_repository_project_and_time(run_pgdex: Run, connection: Connection) -> None:
    _, worker, found = running_job(connection, "/src/click")
    worker.work_all(found)
    enqueue(connection, "/src/rich", project="web")

    def names(*options: str) -> list[str]:
        return [job["repository"] for job in run_pgdex("list", "--json", *options).json["jobs"]]

    assert names() == ["rich", "click"]
    assert names("--status", "completed") == ["click"]
    assert names("--status", "completed", "--status", "pending") == ["rich", "click"]
    assert names("--repo", "LIC") == ["click"]
    assert names("--repo", "/src/rich") == ["rich"]
    assert names("--repo", "/src") == ["rich", "click"]
    assert names("--repo", "/src/ri") == []
    assert names("--project", "web") == ["rich"]
    assert names("--since", "2h") == ["rich", "click"]
    assert names("--since", "2100-01-01") == []
    assert names("--limit", "1", "--offset", "1") == ["click"]
    assert "Jobs 1 to 1 of 2. Next: --offset 1" in run_pgdex("list", "--limit", "1").err
