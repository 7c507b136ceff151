"""What a worker does not see was not deleted: folders that go away, and workers that never had them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from tests.support.counted_claims import claims_beyond_the_first, count_claims
from tests.support.embedding_server import EmbeddingServer
from tests.support.index_digest import assert_index_is_sound, index_digest
from tests.support.mounting import mounted, unmount
from tests.support.trees import module, python_tree, write_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers, workers_on

FILES = 100  # module_0 to module_49 in package_0, the others in package_1


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    return {**service_configuration, "batch_files": 8}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return python_tree(tmp_path / "repository", FILES)


def run(client: Client, workers: Workers, tree: Path, *, force: bool = False) -> JobStatus:
    """One job to its end, whichever it is."""
    status = wait_for_end(client, client.start(tree, force=force).job_id, workers=workers)
    assert_index_is_sound(client.connection)
    return status


def searchable(client: Client, *, below: str = "") -> int:
    row = client.connection.execute(
        "select count(*) from pgdex.files where chunks > 0 and starts_with(path, %s)", [below]
    ).fetchone()
    assert row is not None
    return int(row[0])


def begun(client: Client, tree: Path, service: EmbeddingServer) -> JobStatus:
    """A job over everything that is through with its first batches, and has some time to go."""
    service.fail("slow", latency_ms=150)
    job = client.start(tree, force=True).job_id
    wait_for(lambda: client.status(job).files_indexed >= 8, what="a first part of the job")
    return client.status(job)


# The folder goes away


@pytest.mark.parametrize("put_there", [{}, {"NOT_MOUNTED.md": "# Nothing here\n"}])
def test_a_folder_that_gives_way_to_another_in_the_middle_fails_the_job_and_the_index_is_whole(
    client: Client, workers: Workers, service: EmbeddingServer, tree: Path, put_there: dict[str, str | bytes]
) -> None:
    workers.start()
    assert run(client, workers, tree).files_indexed == FILES
    before = index_digest(client.connection)
    job = begun(client, tree, service)
    tree.rename(tree.with_name("moved"))
    tree.mkdir()
    write_tree(tree, put_there)

    failed = wait_for_end(client, job.job_id, workers=workers)

    assert (failed.status, failed.error_type) == ("failed", "RootUnavailable")
    assert f"{tree} holds nothing of what the job's scan found there" in (failed.error_message or "")
    assert searchable(client) == FILES
    assert index_digest(client.connection) == before
    service.recover()
    for force in (False, True):
        again = run(client, workers, tree, force=force)
        assert (again.status, again.error_type) == ("failed", "FolderEmptied")
        assert "pgdex remove" in (again.error_message or "")
        assert index_digest(client.connection) == before

    shutil.rmtree(tree)
    tree.with_name("moved").rename(tree)
    assert (run(client, workers, tree).status, searchable(client)) == ("completed", FILES)


def test_a_mount_that_goes_away_in_the_middle_fails_the_job_and_the_index_is_whole(
    client: Client, workers: Workers, service: EmbeddingServer, tree: Path
) -> None:
    place = tree.with_name("mounted")
    workers.start()
    with mounted(tree, place):
        assert run(client, workers, place).files_indexed == FILES
        job = begun(client, place, service)
        unmount(place)
        failed = wait_for_end(client, job.job_id, workers=workers)

    assert (failed.status, failed.error_type) == ("failed", "RootUnavailable")
    assert searchable(client) == FILES


def test_a_mount_below_the_root_that_is_gone_keeps_its_files_until_it_is_back(
    client: Client, workers: Workers, tree: Path
) -> None:
    assets = python_tree(tree.with_name("disk"), 40)
    place = tree / "assets"
    workers.start()
    with mounted(assets, place):
        assert run(client, workers, tree).files_indexed == FILES + 40
        unmount(place)
        write_tree(place, {".gitkeep": ""})
        (tree / "package_0" / "module_0.py").unlink()

        for force in (False, True):  # and the second time it is known that the first one knew of a mount there
            kept = run(client, workers, tree, force=force)
            assert (kept.status, kept.files_kept) == ("completed", 40)
            assert kept.summary is not None
            assert kept.summary["kept_by_reason"] == {"not_mounted": 40}
            assert searchable(client, below="assets/") == 40
        assert searchable(client) == FILES - 1 + 40, "what is missing elsewhere is gone"

    (assets / "package_0" / "module_1.py").unlink()
    with mounted(assets, place):
        back = run(client, workers, tree)
        assert (back.status, back.files_kept, back.files_deleted) == ("completed", 0, 1 + 1)  # and .gitkeep's row
    assert searchable(client, below="assets/") == 39


def test_a_mount_below_the_root_that_is_taken_away_for_good_takes_its_files_along(
    client: Client, workers: Workers, tree: Path
) -> None:
    assets = python_tree(tree.with_name("disk"), 40)
    workers.start()
    with mounted(assets, tree / "assets"):
        run(client, workers, tree)
    shutil.copytree(assets, tree / "assets", dirs_exist_ok=True)
    (tree / "assets" / "package_0" / "module_1.py").unlink()
    moved = run(client, workers, tree)
    assert (moved.files_kept, moved.files_deleted) == (0, 1), "the files are there without a mount"

    with mounted(assets, tree / "assets"):
        run(client, workers, tree)
    shutil.rmtree(tree / "assets")
    removed = run(client, workers, tree)
    assert (removed.files_kept, removed.files_deleted) == (0, 40), "and so is a mount point that was removed"


def test_a_mount_below_the_root_that_goes_away_in_the_middle_fails_the_job_with_its_name(
    client: Client, workers: Workers, service: EmbeddingServer, tree: Path
) -> None:
    assets = python_tree(tree.with_name("disk"), 100)
    place = tree / "z_assets"
    workers.start()
    with mounted(assets, place):
        assert run(client, workers, tree).files_indexed == FILES + 100
        job = begun(client, tree, service)
        unmount(place)
        service.recover()
        failed = wait_for_end(client, job.job_id, workers=workers)

    assert failed.status == "failed"
    assert "z_assets was on a file system of its own, which is not mounted here" in (failed.error_message or "")
    assert searchable(client) == FILES + 100


# Single files


def test_files_that_are_gone_when_they_are_read_are_kept_and_counted_and_the_next_job_decides(
    client: Client, workers: Workers, service: EmbeddingServer, tree: Path
) -> None:
    workers.start()
    run(client, workers, tree)
    write_tree(tree, {"package_1/module_new.py": module(7_777)})
    job = begun(client, tree, service)
    for name in ("module_97.py", "module_98.py", "module_new.py"):
        (tree / "package_1" / name).unlink()
    service.recover()

    ended = wait_for_end(client, job.job_id, workers=workers)

    assert (ended.status, ended.files_kept) == ("completed", 2)
    assert ended.files_indexed + ended.files_unchanged + ended.files_skipped == ended.files_scanned == FILES + 1
    assert (ended.files_unchanged, ended.files_skipped) == (2, 1), "one that was never indexed has nothing to keep"
    assert ended.summary is not None
    assert ended.summary["kept_by_reason"] == {"vanished": 2}
    assert searchable(client) == FILES

    decided = run(client, workers, tree)
    assert (decided.status, decided.files_deleted, decided.files_kept) == ("completed", 3, 0)
    assert searchable(client) == FILES - 2


def test_a_file_that_is_replaced_by_something_else_is_no_longer_found(
    client: Client, workers: Workers, service: EmbeddingServer, tree: Path
) -> None:
    workers.start()
    run(client, workers, tree)
    job = begun(client, tree, service)
    (tree / "package_1" / "module_99.py").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100))
    service.recover()

    ended = wait_for_end(client, job.job_id, workers=workers)

    assert (ended.status, ended.files_skipped, ended.files_kept) == ("completed", 1, 0)
    assert searchable(client) == FILES - 1


# Workers


@pytest.fixture
def blind(workers: Workers, database_url: str, tmp_path: Path, variables: dict[str, str]) -> Iterator[Workers]:
    """Workers that may index nothing of what the tests ask for."""
    (tmp_path / "blind").mkdir()
    (tmp_path / "allowed").mkdir()
    with workers_on(database_url, tmp_path / "blind", count=0) as blind:
        blind.environment = {**variables, "PGDEX_ALLOWED_ROOTS": str(tmp_path / "allowed")}
        yield blind


def test_jobs_are_done_by_the_workers_that_can(
    client: Client, workers: Workers, blind: Workers, service: EmbeddingServer, tree: Path
) -> None:
    count_claims(client.connection)
    blind.start(2)
    blind.wait_until_alive(2)
    workers.start()
    workers.wait_until_alive(3)
    for _ in range(3):
        done = run(client, workers, tree, force=True)
        assert (done.status, done.files_indexed) == ("completed", FILES), done.error_message
        # Each of the two tries once (or had a second wake-up in progress when it did), and then leaves the job alone.
        assert claims_beyond_the_first(client.connection, done.job_id) <= 4


def test_a_job_that_no_worker_can_do_fails_with_what_each_of_them_said(
    client: Client, workers: Workers, blind: Workers, tree: Path
) -> None:
    blind.start()
    blind.wait_until_alive(1)
    workers.environment["PGDEX_ALLOWED_ROOTS"] = str(tree.parent / "processes")
    workers.start()
    workers.wait_until_alive(2)

    failed = run(client, workers, tree)

    assert (failed.status, failed.error_type) == ("failed", "RootUnavailable")
    assert (failed.error_message or "").count("lies outside of the folders that may be indexed") == 2
    assert "None of the workers can index" in (failed.error_message or "")
    events = [event.event_type for event in client.events(failed.job_id)]
    assert events.count("unseen") == 1
    assert events[-1] == "failed"


def test_an_empty_folder_is_looked_at_by_every_worker_before_it_is_believed(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    workers.start(2)
    workers.wait_until_alive(2)

    done = run(client, workers, tmp_path / "empty")

    assert (done.status, done.error_type) == ("failed", "NothingFound")
    assert [event.event_type for event in client.events(done.job_id)].count("unseen") == 1


def test_a_job_that_waits_for_a_worker_which_then_leaves_fails(
    client: Client, workers: Workers, blind: Workers, service: EmbeddingServer, tree: Path, tmp_path: Path
) -> None:
    busy = python_tree(tmp_path / "busy", 40)
    workers.start()
    workers.wait_until_alive(1)
    service.fail("slow", latency_ms=400)
    first = client.start(busy).job_id
    wait_for(lambda: client.status(first).status == "running", what="the good worker is busy")
    workers.pause(workers.processes[0])
    blind.start()
    job = client.start(tree).job_id
    wait_for(lambda: "unseen" in [event.event_type for event in client.events(job)], what="a look of the blind one")
    workers.kill(workers.processes[0])

    failed = wait_for_end(client, job, workers=blind)

    assert (failed.status, failed.error_type) == ("failed", "RootUnavailable")
