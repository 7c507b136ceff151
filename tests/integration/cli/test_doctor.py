"""`pgdex doctor`: what is in order, and what is not."""

from pathlib import Path

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Run
from tests.integration.cli.watched_jobs import running_job


def test_the_doctor_finds_a_healthy_installation_in_order(run_pgdex: Run, tmp_path: Path) -> None:
    nobody = {"HOME": str(tmp_path)}  # pgdex is registered with no agent there
    checked = run_pgdex("doctor", "--json", env=nobody)

    assert checked.code == ExitCode.DONE, checked.out
    assert checked.json["ok"] is True
    assert [check["name"] for check in checked.json["checks"]] == [
        *("settings", "folder", "database", "pgvector", "schema", "login", "workers", "jobs", "index", "views"),
        *("git", "watching", "embedder", "grammars"),
    ]
    assert {check["outcome"] for check in checked.json["checks"]} == {"ok"}
    assert "Everything is in order." in run_pgdex("doctor", env=nobody).out


def test_the_doctor_finds_jobs_that_wait_for_nobody_and_old_ones(run_pgdex: Run, connection: Connection) -> None:
    job_id, worker, _ = running_job(connection)
    worker.die()
    connection.execute("alter table pgdex.indexing_jobs disable trigger user")
    connection.execute("update pgdex.indexing_jobs set created_at = now() - interval '8 days'")
    connection.execute("alter table pgdex.indexing_jobs enable trigger user")
    connection.execute("alter table pgdex.job_events disable trigger user")
    connection.execute("update pgdex.job_events set created_at = now() - interval '1 hour'")
    connection.execute("alter table pgdex.job_events enable trigger user")

    checked = run_pgdex("doctor", "--json")

    assert checked.code == ExitCode.FAILED
    findings = {(check["name"], check["outcome"], check["finding"]) for check in checked.json["checks"]}
    assert ("workers", "failed", "none running, and 1 job waiting") in findings
    short = str(job_id)[:8]
    assert ("jobs", "warning", f"{short} (repo) made no progress for 1 h 0 min") in findings
    assert ("jobs", "warning", f"{short} (repo) has been running for 8 d 0 h") in findings
    assert all(check["advice"] for check in checked.json["checks"] if check["outcome"] != "ok")


def test_the_doctor_says_what_is_wrong_with_the_embedder_and_the_database(run_pgdex: Run) -> None:
    url = "postgresql://me:s3cret@127.0.0.1:1/code"
    sick = run_pgdex("doctor", "--json", env={"PGDEX_DATABASE_URL": url, "PGDEX_EMBEDDER": "nonsense:x"})

    assert sick.code == ExitCode.FAILED
    outcomes = {check["name"]: check["outcome"] for check in sick.json["checks"]}
    assert outcomes["database"] == "failed"
    assert outcomes["embedder"] == "failed"
    assert outcomes["grammars"] == "ok"
    assert "s3cret" not in sick.out + sick.err
