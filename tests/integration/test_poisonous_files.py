"""Files that end the process that opens them: found, left out, and the rest is indexed."""

import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest

from pgdex.jobs.batches.watchdog import EXIT_CODE
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus, SkippedFile
from pgdex.jobs.client.views import skipped_files
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for
from tests.support.workers import Workers

COMMAND = (sys.executable, "-P", "-m", "tests.support.crashing_worker", "--app=pgdex.app", "worker")
MOST_DEATHS = 6  # two before files are noted, then at most four rungs of pgdex.jobs.batches.poison_files


@pytest.fixture
def configuration() -> dict[str, object]:
    return {"file_timeout": 1}


@pytest.fixture
def workers(workers: Workers) -> Workers:
    workers.command = COMMAND
    return workers


def supervised(client: Client, workers: Workers, job_id: UUID, *, seconds: float = 60) -> tuple[JobStatus, int]:
    """Keep one worker running until the job ends; its status, and how many processes have died."""
    crashes = 0
    end = time.monotonic() + seconds
    worker = workers.start()[0]
    while not (status := client.status(job_id)).is_final:
        assert time.monotonic() < end, f"{status!r}{workers.logs()}"
        if worker.poll() is not None:
            crashes += 1
            worker = workers.start()[0]
        time.sleep(0.05)
    return status, crashes


def skipped(client: Client, tree: Path) -> list[SkippedFile]:
    return list(skipped_files(client.connection, project="default", repo_path=str(tree)))


def test_a_file_that_kills_every_worker_is_left_out_and_the_rest_of_its_batch_is_indexed(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    tree = write_tree(python_tree(tmp_path / "repository", 40), {"package_0/module_7_bad.py": "x = 'KILL'\n"})

    status, crashes = supervised(client, workers, client.start(tree).job_id)

    assert (status.status, status.files_indexed, status.files_skipped) == ("completed", 40, 1)
    assert 4 <= crashes <= MOST_DEATHS
    (bad,) = skipped(client, tree)
    assert (bad.path, bad.skip_reason) == ("package_0/module_7_bad.py", "crashed")
    assert bad.skip_detail is not None
    assert "workers died" in bad.skip_detail
    assert_index_is_sound(client.connection)

    again, more_deaths = supervised(client, workers, client.start(tree).job_id)
    assert (again.status, again.files_skipped, more_deaths) == ("completed", 1, 0), "it is not tried until it changes"
    (tree / "package_0/module_7_bad.py").write_text("x = 'mended'\n")
    mended, more_deaths = supervised(client, workers, client.start(tree).job_id)
    assert (mended.files_indexed, mended.files_skipped, more_deaths) == (1, 0, 0)


def test_a_file_that_only_a_grammar_crashes_on_is_searchable_by_lines(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    tree = write_tree(python_tree(tmp_path / "repository", 10), {"bad.py": "def find_me():\n    return 'SEGFAULT'\n"})

    status, crashes = supervised(client, workers, client.start(tree).job_id)

    assert (status.status, status.files_indexed, status.files_skipped) == ("completed", 11, 0)
    assert crashes <= MOST_DEATHS
    rows = client.connection.execute(
        "select c.kind, c.content from pgdex.chunks c join pgdex.files f on f.version_id = c.version_id"
        " where f.path = 'bad.py'"
    ).fetchall()
    assert rows == [("block", "def find_me():\n    return 'SEGFAULT'\n")]


def test_a_file_that_hangs_its_worker_is_left_out(client: Client, workers: Workers, tmp_path: Path) -> None:
    tree = write_tree(python_tree(tmp_path / "repository", 10), {"bad.py": "x = 'HANG'\n"})

    status, crashes = supervised(client, workers, client.start(tree).job_id)

    assert (status.status, status.files_indexed, status.files_skipped) == ("completed", 10, 1)
    assert crashes <= MOST_DEATHS
    assert [file.path for file in skipped(client, tree)] == ["bad.py"]
    assert EXIT_CODE in [process.poll() for process in workers.processes], "they ended themselves"


def test_two_poisonous_files_in_one_batch_are_both_found(client: Client, workers: Workers, tmp_path: Path) -> None:
    tree = write_tree(
        python_tree(tmp_path / "repository", 10), {"bad_1.py": "x = 'KILL'\n", "bad_2.py": "y = 'KILL'\n"}
    )

    status, crashes = supervised(client, workers, client.start(tree).job_id)

    assert (status.status, status.files_indexed, status.files_skipped) == ("completed", 10, 2)
    assert crashes <= MOST_DEATHS + 4
    assert [file.path for file in skipped(client, tree)] == ["bad_1.py", "bad_2.py"]


def test_a_healthy_file_that_was_in_progress_beside_a_poisonous_one_is_not_blamed(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    workers.concurrency = 2
    large = "".join(f"def healthy_{number}(a, b):\n    return [a, b, {number}]\n\n\n" for number in range(9_000))
    bad = write_tree(tmp_path / "bad", {"a.py": "x = 1\n", "m.py": "x = 'KILL'\n"})
    good = write_tree(tmp_path / "good", {f"large_{number}.py": large for number in range(3)})
    jobs = [client.start(tree).job_id for tree in (bad, good)]

    ended = [supervised(client, workers, job)[0] for job in jobs]

    assert [(status.status, status.files_indexed, status.files_skipped) for status in ended] == [
        ("completed", 1, 1),
        ("completed", 3, 0),
    ]
    assert [file.path for file in skipped(client, bad)] == ["m.py"]
    kinds = client.connection.execute(
        "select distinct c.kind from pgdex.chunks c join pgdex.files f on f.version_id = c.version_id"
        " where f.path like 'large%'"
    ).fetchall()
    assert ("block",) not in kinds, "it was not chunked by lines either"


def test_a_process_whose_interpreter_is_stuck_ends_itself() -> None:
    code = (
        "import asyncio, re, threading, pgdex.jobs.batches.watchdog\n"
        "def spin():\n"
        "    with pgdex.jobs.batches.watchdog.file_in_progress('a.py'):\n"
        "        re.match(r'(a+)+$', 'a' * 64 + 'b')\n"
        "async def main():\n"
        "    watch = asyncio.create_task(pgdex.jobs.batches.watchdog.end_when_stuck(limit_seconds=1))\n"
        "    await asyncio.sleep(0.2)\n"
        "    threading.Thread(target=spin, daemon=True).start()\n"
        "    await watch\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 1
    assert "in spin" in process.stderr, "the traceback names what hung"


def test_a_folder_that_never_answers_fails_the_job_with_its_name_and_gives_the_worker_back(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 10)
    (tree / "share" / "HANG").mkdir(parents=True)
    good = python_tree(tmp_path / "good", 3)

    status, crashes = supervised(client, workers, client.start(tree).job_id)

    assert (status.status, status.error_type) == ("failed", "FolderHangs")
    assert f"The folder {tree}/share/HANG does not respond: 2 workers were stopped" in (status.error_message or "")
    assert crashes == 2
    assert {process.poll() for process in workers.processes} == {EXIT_CODE, None}
    done, more_deaths = supervised(client, workers, client.start(good).job_id)
    assert (done.status, more_deaths) == ("completed", 0)


def test_a_folder_that_never_answers_does_not_keep_its_worker_after_a_cancellation(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    (tmp_path / "repository" / "HANG").mkdir(parents=True)
    good = python_tree(tmp_path / "good", 3)
    job = client.start(tmp_path / "repository").job_id
    workers.start()
    wait_for(lambda: client.status(job).status == "running", what="a worker that hangs")
    client.cancel(job)

    status, _ = supervised(client, workers, client.start(good).job_id)

    assert status.status == "completed"


def test_a_file_that_cannot_be_cut_or_stored_by_a_mistake_of_ours_costs_no_other(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    tree = write_tree(
        python_tree(tmp_path / "repository", 10),
        {
            "raises.py": "x = ' RAISE '\n",
            "raises_when_parsed.py": "x = 'PARSE_RAISE'\n",
            "refused.py": "x = 'REFUSED_BY_THE_DATABASE'\n",
        },
    )
    first, _ = supervised(client, workers, client.start(tree).job_id)
    assert (first.status, first.files_indexed, first.files_skipped) == ("completed", 12, 1)
    assert [(file.path, file.skip_reason, file.skip_detail) for file in skipped(client, tree)] == [
        ("raises.py", "failed", "IndexError: list index out of range")
    ]
    client.connection.execute(
        "alter table pgdex.chunks add constraint odd check (content not like '%%REFUSED_BY%%') not valid"
    )

    again, crashes = supervised(client, workers, client.start(tree, force=True).job_id)

    assert (again.status, again.files_indexed, again.files_skipped, crashes) == ("completed", 11, 2, 0)
    refused = skipped(client, tree)[1]
    assert (refused.path, refused.skip_reason) == ("refused.py", "failed")
    assert "violates check constraint" in (refused.skip_detail or "")
    assert_index_is_sound(client.connection)
