"""What the documentation tells readers to type works, and prints what it says: the tutorial, the SQL, the Python."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.embedded.server import stop_server
from tests.support.databases import new_database, settings_for, url_of
from tests.support.documented import Block, blocks, steps
from tests.support.logins import as_user
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import workers_on

TUTORIAL = blocks("tutorial.md", "sh", "console")
# What differs from run to run, and from machine to machine.
VARYING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "JOB"),
    (r"\([\d.,]+ files/s, [\d.,]+ MB/s\)", "(RATE)"),
    (r"\b(just now|\d+ (s|min) ago)", "WHEN"),
    (r"\b[\d.,]+ (ms|s)\b", "TIME"),
    (r"^  time .*\n", ""),
    (r"(?<=Removed )/\S+(?=/shop)", "FOLDER"),
    (r"(?<=  )\d+\.\d{3}$", "SCORE"),
    (r" {2,}", "  "),
)


def environment(**values: str) -> dict[str, str]:
    """This process's, with the programs of its virtual environment in front, a wide terminal, no settings of pgdex."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PGDEX_", "COV_"))}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{kept['PATH']}", "COLUMNS": "120"} | values


def without_varying(output: str) -> str:
    for pattern, replacement in VARYING:
        output = re.sub(pattern, replacement, output, flags=re.MULTILINE)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in a folder."""

    folder: Path
    variables: dict[str, str]

    def output(self, command: str, where: str) -> str:
        """What it prints. Fails where the command does."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{where}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Shell]:
    """Someone with an empty folder and an embedded server of their own, and with a worker at work."""
    # Not below pytest's folder: as root the server runs as another user, who has to get there.
    home = Path(tempfile.mkdtemp(prefix="pgdex-tutorial-", dir="/tmp"))
    shell = Shell(tmp_path, environment(PGDEX_HOME=str(home), PGDEX_SERVER_LINGER="0", PGDEX_FRESH_SECONDS="30"))
    worker = subprocess.Popen(["pgdex", "worker", "--processes", "1"], env=shell.variables, stderr=subprocess.DEVNULL)
    try:
        # Where `pgdex index` finds none alive it starts some in the background, which would outlive the test.
        wait_for(
            lambda: any(one["alive"] for one in json.loads(shell.output("pgdex workers --json", "the fixture"))),
            what="the worker",
            seconds=120,
        )
        yield shell
    finally:
        worker.terminate()
        worker.wait(30)
        stop_server(home, mode="immediate")
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.timeout(300)
def test_every_command_of_the_tutorial_prints_what_the_tutorial_shows(reader: Shell) -> None:
    assert len(TUTORIAL) > 10
    for block in TUTORIAL:
        if block.language == "sh":
            reader.output(block.text, str(block))
            continue
        for command, shown in steps(block):
            assert without_varying(reader.output(command, str(block))) == without_varying(shown), f"{block}: {command}"


@pytest.mark.timeout(300)
def test_every_command_about_worktrees_and_branches_runs(reader: Shell) -> None:
    reader.variables.update(
        {f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    )
    making = """
        git init --quiet --initial-branch main shop
        echo 'def discount(price): return price * 0.9' > shop/prices.py
        echo 'def ship(order): return order' > shop/orders.py
        git -C shop add . && git -C shop commit --quiet -m shop
        git -C shop branch develop && git -C shop tag v1.0
    """
    reader.output(making, "the test")
    printed = {str(block): reader.output(block.text, str(block)) for block in commands("worktrees.md", "branches.md")}
    assert len(printed) >= 8
    worktrees = [text for block, text in printed.items() if "worktrees.md" in block]
    assert "shared by views" in worktrees[1]
    assert worktrees[2].count("discount_for_staff") >= 1
    assert all("discount" in text for block, text in printed.items() if "branches.md" in block and "search" in text)


def commands(*pages: str) -> list[Block]:
    """What readers of the how-to pages type."""
    return [block for page in pages for block in blocks(f"how-to/{page}", "sh")]


@dataclass(frozen=True, slots=True)
class Shop:
    """The tutorial's repository in an index, and the database that it is in."""

    folder: Path
    database_url: str


@pytest.fixture(scope="module")
def shop(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("reader")
    making = next(block for block in TUTORIAL if "mkdir -p shop" in block.text)
    Shell(folder, environment()).output(making.text, str(making))
    with new_database(server_url, template=template) as name:
        url = url_of(server_url, name)
        with Client.open(settings_for(url)) as client, workers_on(url, tmp_path_factory.mktemp("workers")) as workers:
            wait_for_end(client, client.start(folder / "shop").job_id, workers=workers)
            yield Shop(folder, url)


@pytest.mark.parametrize("block", blocks("how-to/search-from-sql.md", "sql"), ids=str)
def test_every_query_for_searching_finds_something(shop: Shop, block: Block) -> None:
    # As any tool would: without pgdex's search path.
    with psycopg.connect(shop.database_url) as connection:
        found = connection.execute(block.text.encode()).fetchall()
    assert found


@pytest.mark.parametrize("block", blocks("how-to/python.md", "python"), ids=str)
def test_every_program_runs(shop: Shop, block: Block) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", block.text],
        cwd=shop.folder,
        env=environment(PGDEX_DATABASE_URL=shop.database_url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_an_administrator_who_is_no_superuser_prepares_a_database_and_its_owner_does_the_rest(
    database_url: str, tmp_path: Path
) -> None:
    in_any_database, in_the_new_one = blocks("how-to/managed-postgresql.md", "sql")[:2]
    unique = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    owner = f"{unique}_managed"

    def with_own_names(block: Block) -> list[str]:
        statements = re.sub(r"\bpgdex\b", owner, re.sub(r"--.*", "", block.text)).split(";")
        return [statement for statement in statements if statement.strip()]

    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute(f"create role {unique}_admin login createdb createrole password 'test'".encode())
        try:
            with psycopg.connect(as_user(database_url, f"{unique}_admin", "test"), autocommit=True) as administrator:
                for statement in with_own_names(in_any_database):
                    administrator.execute(statement.encode())
            there = re.sub(rf"\b{unique}(?=[?]|$)", owner, database_url)
            with psycopg.connect(there, autocommit=True) as in_it:
                for statement in with_own_names(in_the_new_one):
                    in_it.execute(statement.encode())
            shell = Shell(tmp_path, environment(PGDEX_DATABASE_URL=as_user(there, owner, "choose-a-long-one")))
            shell.output("pgdex db upgrade", "the page")
            assert "✓ schema" in shell.output("pgdex doctor", "the page")
        finally:
            superuser.execute(f"drop database if exists {owner} with (force)".encode())
            for role in (owner, f"{unique}_admin"):
                superuser.execute(f"drop role if exists {role}".encode())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze checks the units")
def test_the_units_of_the_systemd_page_are_accepted_by_systemd(tmp_path: Path) -> None:
    units = blocks("how-to/systemd.md", "ini")
    assert len(units) == 2
    for number, unit in enumerate(units):
        file = tmp_path / f"pgdex-{number}.service"
        # It looks whether the program is there; any program will do.
        file.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", unit.text))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), unit
