"""A database whose disk is full: the job ends with a message that a person understands, and the worker lives on."""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.views import indexed_views
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers


@pytest.fixture
def configuration() -> dict[str, object]:
    return {"batch_files": 8}


@pytest.fixture
def workers(workers: Workers) -> Workers:
    workers.start()
    return workers


@pytest.fixture
def small_disk(client: Client) -> Iterator[Path]:
    """A file system of 4 MB that belongs to the server's OS user."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    row = client.connection.execute("show data_directory").fetchone()
    assert row is not None
    owner = Path(row[0]).stat()
    folder = Path(tempfile.mkdtemp(prefix="pgdex-disk-", dir="/tmp"))
    options = f"size=4m,uid={owner.st_uid},gid={owner.st_gid},mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("this container does not let root mount a file system")
    try:
        yield folder
    finally:
        client.connection.execute("drop table if exists pgdex.chunks cascade")
        client.connection.execute("drop tablespace if exists small_disk")
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_a_full_disk_fails_the_job_clearly_and_the_next_job_goes_on_when_there_is_room(
    client: Client, workers: Workers, small_disk: Path, tmp_path: Path
) -> None:
    client.connection.execute(f"create tablespace small_disk location '{small_disk}'".encode())
    tree = python_tree(tmp_path / "repository", 40)
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"
    row = client.connection.execute("select chunk_table from pgdex.repositories").fetchone()
    chunks = f"pgdex.{row[0] if row else None}"
    client.connection.execute(f"alter table {chunks} set tablespace small_disk".encode())
    write_tree(tree, {f"zz/large_{number}.py": incompressible(number) for number in range(120)})

    failed = wait_for_end(client, client.start(tree).job_id, workers=workers)

    assert (failed.status, failed.error_type) == ("failed", "DatabaseFull")
    assert failed.error_message is not None
    assert "disk is full" in failed.error_message
    assert "Free some space, then index again: what was indexed is kept" in failed.error_message
    assert failed.files_indexed >= 8
    assert_index_is_sound(client.connection)
    assert workers.processes[0].poll() is None

    client.connection.execute(f"alter table {chunks} set tablespace pg_default".encode())
    again = wait_for_end(client, client.start(tree).job_id, workers=workers)
    assert (again.status, again.files_indexed + again.files_unchanged) == ("completed", 160)
    assert again.files_unchanged == 40 + failed.files_indexed
    assert_index_is_sound(client.connection)


@pytest.mark.parametrize(("state", "what"), [("53100", "its disk is full"), ("53200", "it is out of memory")])
def test_a_database_that_can_not_take_more_fails_the_job_with_what_it_has_run_out_of(
    client: Client, workers: Workers, tmp_path: Path, state: str, what: str
) -> None:
    client.connection.execute(
        "create function pgdex.refuse() returns trigger language plpgsql as"
        f" $$ begin raise exception 'could not extend file' using errcode = '{state}'; end $$".encode()
    )
    client.connection.execute("grant execute on function pgdex.refuse to public")
    client.connection.execute(
        "create trigger refuse before insert on pgdex.view_files for each row execute function pgdex.refuse()"
    )

    failed = wait_for_end(client, client.start(python_tree(tmp_path / "repository", 10)).job_id, workers=workers)

    assert (failed.status, failed.error_type) == ("failed", "DatabaseFull")
    assert what in (failed.error_message or "")


def test_a_statement_that_a_person_cancelled_is_tried_again(client: Client, workers: Workers, tmp_path: Path) -> None:
    client.connection.execute("create sequence pgdex.tries")
    client.connection.execute(
        "create function pgdex.refuse() returns trigger language plpgsql as $$ begin"
        " if nextval('pgdex.tries') <= 2 then"
        " raise exception 'canceling statement due to user request' using errcode = '57014'; end if;"
        " return new; end $$"
    )
    client.connection.execute(
        "create trigger refuse before insert on pgdex.view_files for each statement execute function pgdex.refuse()"
    )

    tree = python_tree(tmp_path / "repository", 10)
    with (tree / "oversized.py").open("wb") as oversized:  # the plan writes it: the walk leaves it out
        oversized.truncate(100 << 20)

    ended = wait_for_end(client, client.start(tree).job_id, workers=workers)

    assert (ended.status, ended.files_indexed, ended.files_skipped) == ("completed", 10, 1)
    assert client.connection.execute("select last_value from pgdex.tries").fetchone() == (5,), (
        "two refused, the plan, two batches"
    )


def incompressible(seed: int) -> str:
    """28 KB of Python."""
    draw = random.Random(seed)
    return "".join(f"value_{draw.randbytes(24).hex()} = '{draw.randbytes(24).hex()}'\n" for _ in range(250))


def repository_id(client: Client) -> int:
    (repository,) = indexed_views(client.connection, project="default")
    return repository.repository_id
