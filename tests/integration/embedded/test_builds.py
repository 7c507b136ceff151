"""Two builds of pgdex on one embedded server, which is upgraded without being asked."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgdex.jobs.database.schema import expected_version
from pgdex.migrations import version
from tests.support.later_revision import LATER, later_checkout
from tests.support.logins import CHECKOUT, Finished, run_pgdex
from tests.support.waiting import wait_for

NEWER = "9999-1.0.0-abc"
REVISION = version.expected().revision
OLDER = f"{REVISION}-0.0.1-abc"


class TwoBuilds:
    """Two checkouts of the same release, whose functions differ, and one PGDEX_HOME."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.home = home
        self.other_checkout = folder / "other"
        # What its links lead to is copied, too.
        shutil.copytree(CHECKOUT / "pgdex", self.other_checkout / "pgdex", ignore=shutil.ignore_patterns("__pycache__"))
        with (self.other_checkout / "pgdex" / "sql" / "functions" / "tick.sql").open("a") as file:
            file.write("-- of another build\n")

    def mine(self, *arguments: str) -> Finished:
        return run_pgdex(*arguments, home=self.home)

    def other(self, *arguments: str) -> Finished:
        return run_pgdex(*arguments, home=self.home, PYTHONPATH=str(self.other_checkout))

    def later(self, *arguments: str) -> Finished:
        """Of a pgdex with one revision more."""
        checkout = self.other_checkout.with_name("later")
        if not checkout.exists():
            later_checkout(checkout)
        return run_pgdex(*arguments, home=self.home, PYTHONPATH=str(checkout))

    def version(self) -> str:
        done = self.mine("db", "psql", "-A", "-t", "-c", "select value from settings where name = 'schema_version'")
        assert done.code == 0, done.err
        return done.out.strip()

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A worker of mine."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PGDEX_")}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pgdex.jobs.cli", "worker", "--processes", "1"],
            env=kept | {"PGDEX_HOME": str(self.home), "PYTHONPATH": str(CHECKOUT)},
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: '"alive": true' in self.mine("workers", "--json").out, what="a worker")
            yield
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def two_builds(tmp_path: Path) -> Iterator[TwoBuilds]:
    home = Path(tempfile.mkdtemp(prefix="pgdex-versions-", dir="/tmp"))
    yield TwoBuilds(tmp_path, home)
    shutil.rmtree(home, ignore_errors=True)


def test_the_functions_of_another_build_are_exchanged_only_where_nobody_works_with_them(two_builds: TwoBuilds) -> None:
    assert two_builds.mine("list").code == 0
    mine = two_builds.version()
    with two_builds.worker():
        refused = two_builds.other("list")
        assert refused.code == 3
        for part in (mine, "another build", "worker 1", "PGDEX_HOME", "pgdex db upgrade"):
            assert part in refused.err
        assert two_builds.version() == mine

    assert two_builds.other("list").code == 0
    # `version` asks with psql, which changes nothing.
    assert two_builds.version() not in ("", mine)


def test_an_embedded_server_of_a_newer_pgdex_is_left_alone(two_builds: TwoBuilds) -> None:
    assert two_builds.mine("list").code == 0
    two_builds.mine("db", "psql", "-c", f"update settings set value = '{NEWER}' where name = 'schema_version'")
    for command in (["list"], ["db", "upgrade"], ["worker", "--exit-when-idle", "1"]):
        refused = two_builds.mine(*command)
        assert refused.code == 3, refused
        for part in (NEWER, expected_version(), "Use the newer pgdex", "PGDEX_HOME"):
            assert part in refused.err
    assert two_builds.version() == NEWER


def test_an_embedded_schema_that_was_taken_back_is_not_brought_up_by_the_next_command(two_builds: TwoBuilds) -> None:
    assert two_builds.mine("list").code == 0
    assert two_builds.later("list").code == 0
    assert two_builds.version().startswith(LATER)
    assert two_builds.mine("list").code == 3
    assert two_builds.later("db", "downgrade", "--to", REVISION, "--yes").code == 0
    refused = two_builds.later("list")
    assert refused.code == 3
    assert f"downgraded to {REVISION}" in refused.err
    assert two_builds.later("db", "upgrade").code == 0
    assert two_builds.later("list").code == 0


def test_an_embedded_schema_of_an_older_release_is_upgraded_by_the_next_command(two_builds: TwoBuilds) -> None:
    assert two_builds.mine("list").code == 0
    two_builds.mine("db", "psql", "-c", f"update settings set value = '{OLDER}' where name = 'schema_version'")
    assert two_builds.mine("list").code == 0
    assert two_builds.version() == expected_version()
