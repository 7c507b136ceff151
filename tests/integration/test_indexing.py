"""Real repositories through real worker processes: what is indexed, skipped, unchanged and removed."""

import os
import shutil
from pathlib import Path

import pytest

from pgdex.indexer.search import SearchRequest, search
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.views import skipped_files
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.errors import InvalidRequest, ModelChanged
from tests.support.databases import settings_for
from tests.support.index_digest import assert_index_is_sound, index_digest
from tests.support.trees import module, python_tree, write_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers, workers_on


@pytest.fixture
def workers(workers: Workers) -> Workers:
    workers.start(2)
    return workers


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return python_tree(tmp_path / "repository", 120)


def run(client: Client, workers: Workers, tree: Path, *, force: bool = False) -> JobStatus:
    """One job to its end, which must be a good one."""
    status = wait_for_end(client, client.start(tree, force=force).job_id, workers=workers)
    assert status.status == "completed", status.error_traceback or status.error_message
    assert_index_is_sound(client.connection)
    return status


def skipped(client: Client, tree: Path) -> dict[str, str]:
    """The reasons of the files that were left out, by their paths."""
    files = skipped_files(client.connection, project="default", repo_path=str(tree))
    return {file.path: file.skip_reason for file in files}


def found_paths(client: Client, query: str, *, path_glob: str | None = None, language: str | None = None) -> list[str]:
    """The paths of a search's hits, best first."""
    result = search(
        client.connection,
        SearchRequest(query, project_id="default", path_glob=path_glob, language=language),
        open_embedder=embedder_for,
    )
    return [hit.path for hit in result.hits]


def test_a_repository_is_indexed_and_found(client: Client, workers: Workers, tree: Path) -> None:
    status = run(client, workers, tree)

    assert (status.files_scanned, status.files_indexed, status.files_skipped) == (120, 120, 0)
    assert status.progress_percentage == 100
    events = [event.event_type for event in client.events(status.job_id)]
    assert [event for event in events if event != "progress"] == ["created", "started", "scanned", "completed"]
    assert found_paths(client, "run_42")[0] == "package_0/module_42.py"
    assert all(path.startswith("package_1/") for path in found_paths(client, "load_117", path_glob="package_1/*"))
    assert found_paths(client, "load_117", path_glob="package_2/*")[0] == "package_2/module_117.py"
    assert found_paths(client, "load_117", language="go") == []


def test_the_summary_accounts_for_every_file_and_for_the_time(client: Client, workers: Workers, tree: Path) -> None:
    write_tree(
        tree,
        {
            "empty.py": "",
            "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100),
            "large.txt": "x y z\n" * 300_000,
            ".gitignore": "ignored/\n",
            "ignored/secret.py": "secret = 1\n",
            "node_modules/left_pad/index.js": "module.exports = 1\n",
            "notes.txt": "half\0text\n" * 2000,
        },
    )
    os.symlink("/etc/hostname", tree / "outside.txt")

    status = run(client, workers, tree)

    assert status.summary is not None
    summary = status.summary
    assert summary["files_found"] == summary["files_indexed"] + summary["files_skipped"] + summary["files_unchanged"]
    assert summary["skipped_by_reason"] == {"binary": 2, "empty": 1, "oversized": 1, "symlink": 1}
    assert summary["chunks_created"] == status.chunks_created > 0
    stored = client.connection.execute("select sum(chunks) from pgdex.files").fetchone()
    assert stored == (status.chunks_created,)
    assert set(summary["seconds"]) == {"scanning", "reading", "chunking", "embedding", "writing", "finishing"}
    assert all(seconds > 0 for seconds in summary["seconds"].values())
    assert status.seconds_by_phase == summary["seconds"]
    assert skipped(client, tree) == {
        "empty.py": "empty",
        "picture.png": "binary",
        "large.txt": "oversized",
        "outside.txt": "symlink",
        "notes.txt": "binary",
    }
    assert found_paths(client, "secret", path_glob="ignored/*") == []


def test_statistics_are_made_again_by_a_job_that_writes_a_tenth_and_by_no_smaller_one(
    client: Client, workers: Workers, tree: Path
) -> None:
    def analyzed() -> int:
        row = client.connection.execute(
            "select pg_stat_force_next_flush(), analyze_count from pg_stat_user_tables where relname like 'chunks_r%'"
        ).fetchone()
        assert row is not None
        return int(row[1])

    run(client, workers, tree)
    # Of shared tables autovacuum makes them; this is what happens to a repository that has outgrown those.
    client.connection.execute("select pgdex.ensure_chunk_partition(id, 1000000) from pgdex.repositories")
    wait_for(lambda: analyzed() == 1, what="the statistics of the table that it moved to")
    run(client, workers, tree)
    (tree / "package_0/module_0.py").write_text(module(1_000))
    run(client, workers, tree)
    run(client, workers, tree, force=True)
    wait_for(lambda: analyzed() == 2, what="the statistics of the job that wrote everything")


def test_a_second_run_finds_nothing_to_do_and_changes_no_row(client: Client, workers: Workers, tree: Path) -> None:
    run(client, workers, tree)
    # Files this young are read again (their next change might leave the same time); make them old.
    for path in tree.rglob("*.py"):
        os.utime(path, ns=(10**18, 10**18))
    run(client, workers, tree)
    rows = places_of_rows(client)

    status = run(client, workers, tree)

    assert (status.files_to_index, status.files_indexed, status.files_unchanged) == (0, 0, 120)
    assert places_of_rows(client) == rows


def places_of_rows(client: Client) -> list[tuple[str, str]]:
    """Where every row of a file and of a version lies, and who wrote it: another place after any change."""
    return client.connection.execute(
        "select xmin::text, ctid::text from pgdex.view_files"
        " union all select xmin::text, ctid::text from pgdex.versions order by 1, 2"
    ).fetchall()


def test_a_new_time_with_the_same_content_keeps_the_chunks(client: Client, workers: Workers, tree: Path) -> None:
    run(client, workers, tree)
    chunks = client.connection.execute("select xmin::text, ctid::text from pgdex.chunks order by 1, 2").fetchall()
    for path in tree.rglob("*.py"):
        os.utime(path, ns=(10**18, 10**18))

    status = run(client, workers, tree)

    assert (status.files_to_index, status.files_indexed, status.files_unchanged) == (120, 0, 120)
    assert (
        client.connection.execute("select xmin::text, ctid::text from pgdex.chunks order by 1, 2").fetchall() == chunks
    )


def test_only_what_changed_is_touched(client: Client, workers: Workers, tree: Path) -> None:
    for path in tree.rglob("*.py"):
        os.utime(path, ns=(10**18, 10**18))
    run(client, workers, tree)
    for number in range(10):
        (tree / f"package_0/module_{number}.py").write_text(module(1000 + number))
    for number in range(50, 55):
        (tree / f"package_1/module_{number}.py").unlink()
    write_tree(tree, {f"added/module_{number}.py": module(number) for number in range(2000, 2003)})

    status = run(client, workers, tree)

    assert (status.files_indexed, status.files_deleted, status.files_unchanged) == (13, 5, 105)
    assert found_paths(client, "run_1003")[0] == "package_0/module_3.py"
    assert "package_1/module_52.py" not in found_paths(client, "run_52")
    assert found_paths(client, "run_2001")[0] == "added/module_2001.py"


def test_the_index_after_many_changes_is_the_one_of_a_fresh_run(client: Client, workers: Workers, tree: Path) -> None:
    run(client, workers, tree)
    shutil.rmtree(tree / "package_1")
    (tree / "package_0/module_7.py").write_text("")
    (tree / "package_0/module_8.py").write_bytes(bytes(5000))
    write_tree(tree, {"readme.md": "# Title\n\ntext\n\n## Part\n\nmore\n"})
    run(client, workers, tree)
    after_changes = index_digest(client.connection)

    run(client, workers, tree, force=True)

    assert index_digest(client.connection) == after_changes


def test_a_skipped_file_that_becomes_readable_is_indexed(client: Client, workers: Workers, tree: Path) -> None:
    (tree / "late.py").write_text("")
    assert run(client, workers, tree).files_skipped == 1
    (tree / "late.py").write_text("def arrived_late():\n    return 1\n")

    assert run(client, workers, tree).files_skipped == 0
    assert found_paths(client, "arrived_late")[0] == "late.py"


def test_force_reads_everything_again(client: Client, workers: Workers, tree: Path) -> None:
    run(client, workers, tree)

    assert run(client, workers, tree, force=True).files_indexed == 120


def test_names_that_are_not_utf8_are_skipped_with_their_reason(client: Client, workers: Workers, tree: Path) -> None:
    with open(os.fsencode(tree) + b"/caf\xe9.py", "w") as file:
        file.write("x = 1\n")

    status = run(client, workers, tree)

    assert status.files_skipped == 1
    assert list(skipped(client, tree).values()) == ["name_not_utf8"]


def test_an_emptied_folder_fails_the_job_instead_of_emptying_the_index(
    client: Client, workers: Workers, tree: Path
) -> None:
    run(client, workers, tree)
    for entry in tree.iterdir():
        shutil.rmtree(entry)

    status = wait_for_end(client, client.start(tree).job_id, workers=workers)

    assert (status.status, status.error_type) == ("failed", "FolderEmptied")
    assert "is a disk not mounted?" in (status.error_message or "")
    assert found_paths(client, "run_42")[0] == "package_0/module_42.py"


def test_a_folder_that_a_worker_cannot_see_fails_the_job_with_its_name(client: Client, workers: Workers) -> None:
    row = client.connection.execute("select pgdex.enqueue_job('/nowhere/at/all')").fetchone()
    assert row is not None

    status = wait_for_end(client, row[0], workers=workers)

    assert (status.status, status.error_type) == ("failed", "RootUnavailable")
    assert "/nowhere/at/all" in (status.error_message or "")
    assert status.error_traceback


@pytest.mark.parametrize("path", ["relative/path", "/nowhere/at/all", __file__])
def test_a_path_that_is_no_folder_is_refused_before_anything_is_written(client: Client, path: str) -> None:
    with pytest.raises(InvalidRequest):
        client.start(path)

    assert client.list_jobs().total_count == 0


def test_another_embedding_model_needs_force_and_then_embeds_everything_again(
    client: Client, workers: Workers, tree: Path, database_url: str
) -> None:
    run(client, workers, tree)
    with Client.open(settings_for(database_url, embedder="hashing:64")) as other:
        with pytest.raises(ModelChanged, match="hashing:64"):
            other.start(tree)
        status = run(other, workers, tree, force=True)

    assert status.files_indexed == 120
    dimensions = client.connection.execute("select distinct public.vector_dims(embedding) from pgdex.chunks").fetchall()
    assert dimensions == [(64,)]
    assert found_paths(client, "run_42")[0] == "package_0/module_42.py"


def test_two_projects_have_the_same_folder_without_seeing_each_other(
    client: Client, workers: Workers, tree: Path
) -> None:
    first = client.start(tree, project="one")
    second = client.start(tree, project="two")
    assert first.job_id != second.job_id
    for job in (first, second):
        assert wait_for_end(client, job.job_id, workers=workers).status == "completed"

    assert found_paths(client, "run_42") == []
    hits = search(client.connection, SearchRequest("run_42", project_id="one"), open_embedder=embedder_for).hits
    assert hits[0].path == "package_0/module_42.py"
    assert len({(hit.path, hit.start_line) for hit in hits}) == len(hits)


def test_a_large_repository_gets_a_vector_index_and_filters_lose_no_rows(
    client: Client, tree: Path, database_url: str, processes_folder: Path
) -> None:
    with workers_on(database_url, processes_folder, PGDEX_EXACT_SEARCH_CHUNKS="50") as workers:
        run(client, workers, tree)
        # It is built beside the jobs, by the same processes.
        found = "select from pg_indexes where tablename ~ '^chunks_r' and indexname ~ 'hnsw'"
        wait_for(lambda: client.connection.execute(found).fetchone() is not None, what="a vector index")

    vectors_only = search(
        client.connection,
        SearchRequest("def load_117", project_id="default", path_glob="package_2/module_117.py"),
        open_embedder=embedder_for,
        retrievers=("vectors",),
    )
    assert {hit.path for hit in vectors_only.hits} == {"package_2/module_117.py"}
