"""What `pgdex stop`, `config`, `logs`, `size` and `uninstall` go by: command lines, variables, log lines, names."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgdex.jobs.cli.upkeep.configuration import DEFAULT, Configured, configuration
from pgdex.jobs.cli.upkeep.home_parts import bytes_on_disk, home_parts, is_home
from pgdex.jobs.cli.upkeep.logs import Follower, last_entries
from pgdex.jobs.cli.upkeep.processes import role_of
from pgdex.jobs.cli.upkeep.purging import plan, purge
from pgdex.jobs.cli.upkeep.stopping import is_same_database
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.settings import Settings
from pgdex.jobs.worker.supervisor import WORKER_COMMAND


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("/opt/bin/pgdex worker --processes 2", "supervisor"),
        ("/usr/bin/python3.12 /home/me/.local/bin/pgdex --debug watch /src", "watcher"),
        ("python -P -m pgdex.jobs.cli worker --only-one", "supervisor"),
        ("/venv/bin/python /venv/bin/pgdex mcp", "agent server"),
        ("pgdex index .", "command"),
        (" ".join((*WORKER_COMMAND, "--concurrency", "1")), "worker"),
        ("python -m procrastinate --app=shop.app worker", None),
        ("vim pgdex worker", None),
        ("bash -c pgdex", None),
        ("python -c pgdex worker", None),
        ("grep pgdex worker", None),
        ("python", None),
        ("", None),
    ],
)
def test_a_process_is_told_by_what_it_runs_and_not_by_words_in_its_arguments(line: str, role: str | None) -> None:
    found = role_of(line.split())
    assert (None if found is None else found[0]) == role


def test_a_database_is_the_same_whoever_logs_in_and_another_in_every_other_case() -> None:
    assert is_same_database(None, None)
    assert is_same_database("postgresql://me:x@db/code", "postgresql://you@db/code")
    assert not is_same_database("postgresql://me@db/code", "postgresql://me@db/other")
    assert not is_same_database(None, "postgresql://me@db/code")
    assert not is_same_database("postgresql://me@db/code", "postgresql://b@d/@/nonsense")


def of(variables: dict[str, str], name: str, *, folder: Path | None = None) -> Configured:
    found = configuration(variables, folder=folder)
    return next(one for one in found.settings if one.variable == name)


def test_no_secret_of_any_setting_is_shown() -> None:
    variables = {
        "PGDEX_DATABASE_URL": "postgresql://me:s3cret@db/code?sslpassword=s3cret",
        "PGDEX_EMBEDDER_API_KEY": "s3cret",
        "PGDEX_EMBEDDER_URL": "https://me:s3cret@models.example/v1",
        "PGDEX_MCP_TOKEN": "s3cret" * 8,
    }
    found = configuration(variables, folder=None)
    assert "s3cret" not in repr(found)
    assert of(variables, "PGDEX_DATABASE_URL").value == "postgresql://me@db/code"
    assert of(variables, "PGDEX_EMBEDDER_URL").value == "https://models.example/v1"
    assert of(variables, "PGDEX_MCP_TOKEN").source == "environment variable PGDEX_MCP_TOKEN"
    broken = of({"PGDEX_DATABASE_URL": "postgresql://me:s3@cret@db/code"}, "PGDEX_DATABASE_URL")
    assert broken.problem is not None
    assert "cret" not in repr(broken)


def test_a_setting_says_where_it_comes_from_and_one_that_cannot_be_used_says_why() -> None:
    variables = {"PGDEX_SLOTS": "many", "PGDEX_BATCH_FILES": "0", "PGDEX_PROJECT": "shop", "PGDEX_EMBEDER": "code"}
    found = configuration(variables, folder=None)
    assert not found.is_usable
    assert of(variables, "PGDEX_SLOTS").problem is not None
    assert of(variables, "PGDEX_BATCH_FILES").problem == "it must be at least 1"
    assert of(variables, "PGDEX_PROJECT").value == "shop"
    assert of(variables, "PGDEX_MIRROR_BYTES").source == DEFAULT
    assert found.notes == ("PGDEX_EMBEDER is set, but there is no such setting. Did you mean PGDEX_EMBEDDER?",)


def worker_line(number: int) -> str:
    return json.dumps({"time": f"2026-11-29T10:00:{number:02d}.000+00:00", "level": "info", "message": f"w{number}"})


def test_what_procrastinate_says_of_a_start_is_in_no_workers_entry(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text(
        f"Launching a worker on all queues\n{worker_line(1)}\nLaunching a worker on all queues\n{worker_line(2)}\n"
    )
    assert [one.message for one in last_entries(tmp_path, ("workers",), number=10)] == ["w1", "w2"]


def test_what_waiting_for_a_start_is_answered_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(
        "2026-11-29 10:00:03.000 UTC [7] FATAL:  the database system is starting up\n"
        "2026-11-29 10:00:04.000 UTC [7] FATAL:  the database system is in a bad mood\n"
    )
    assert [one.level for one in last_entries(tmp_path, ("server",), number=10)] == ["info", "error"]


def test_the_last_entries_are_those_of_all_logs_by_time_with_what_belongs_to_them(tmp_path: Path) -> None:
    (tmp_path / "worker.log.1").write_text(worker_line(1) + "\n")
    (tmp_path / "worker.log").write_text(
        f"{worker_line(2)}\nTraceback (most recent call last):\n  here\n{worker_line(5)}\n"
    )
    (tmp_path / "server.log").write_text(
        "2026-11-29 10:00:03.000 UTC [7] ERROR:  no such table\n"
        "2026-11-29 10:00:03.000 UTC [7] STATEMENT:  select\n\t1\n"
        "2026-11-29 10:00:04.000 UTC [7] LOG:  checkpoint\n"
    )

    found = last_entries(tmp_path, ("workers", "server"), number=10)

    assert [(one.message.splitlines()[0], one.level) for one in found] == [
        ("w1", "info"),
        ("w2", "info"),
        ("no such table", "error"),
        ("checkpoint", "info"),
        ("w5", "info"),
    ]
    assert found[1].message.endswith("\n  here")
    assert found[2].message.endswith("STATEMENT: select\n1")
    assert found[2].time == datetime(2026, 11, 29, 10, 0, 3, tzinfo=UTC)
    assert [one.message for one in last_entries(tmp_path, ("workers", "server"), number=2)] == ["checkpoint", "w5"]
    assert last_entries(tmp_path / "nowhere", ("workers",), number=5) == []


def test_a_log_is_followed_through_its_rotation_and_half_a_line_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text(worker_line(1) + "\n")
    followed = Follower(tmp_path, "workers")
    assert followed.new_entries() == []
    with log.open("a") as file:
        file.write(worker_line(2)[:20])
        file.flush()
        assert followed.new_entries() == []
        file.write(worker_line(2)[20:] + "\n")
    assert [one.message for one in followed.new_entries()] == ["w2"]
    with log.open("a") as file:
        file.write(worker_line(3) + "\n")
    log.rename(tmp_path / "worker.log.1")
    log.write_text(worker_line(4) + "\n")
    assert [one.message for one in followed.new_entries()] == ["w3", "w4"]
    server = tmp_path / "server.log"
    server.write_text("x" * 500)
    followed = Follower(tmp_path, "server")
    server.write_text("2026-11-29 10:00:04.000 UTC [7] LOG:  emptied in place\n")
    assert [one.message for one in followed.new_entries()] == ["emptied in place"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with what pgdex makes, and with files of a user that have such names."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    (home / "data" / "pgdex.conf").write_bytes(b"x" * 10_000)
    for name in ("users.lock", "worker.log", "server.log.1", "mcp-token", "notes.txt", "server.py"):
        (home / name).write_text("x")
    (home / "mirrors").mkdir()
    (home / "mirrors" / "shop-0123456789abcdef.at-01").mkdir()
    (home / "run").mkdir()
    (home / "run" / "my-script.sh").touch()
    return home


def test_uninstalling_deletes_what_pgdex_made_and_nothing_else(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (home / "allowed").symlink_to(elsewhere)
    planned = plan(Settings(home=home))
    assert planned.bytes > 10_000

    assert purge(planned) == []

    assert sorted(path.name for path in home.iterdir()) == ["allowed", "notes.txt", "run", "server.py"]
    assert (elsewhere / "precious").exists()
    assert plan(Settings(home=tmp_path / "nowhere")).doomed == ()


def test_a_folder_that_is_not_pgdex_s_is_refused_though_it_has_files_of_such_names(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("18")
    (tmp_path / "mirrors").mkdir()
    (tmp_path / "server.log").touch()
    (tmp_path / "worker.log").write_text("my own application started\n")

    with pytest.raises(InvalidRequest, match="does not look like a folder of pgdex's"):
        plan(Settings(home=tmp_path))

    assert not is_home(home_parts(tmp_path)[0])


def test_a_file_with_two_names_takes_its_space_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(os.urandom(100_000))
    alone = bytes_on_disk(tmp_path)[0]
    os.link(tmp_path / "one", tmp_path / "two")
    assert bytes_on_disk(tmp_path)[0] == alone >= 100_000
