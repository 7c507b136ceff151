"""libpq's variables for someone's other servers, beside connections of pgdex's."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgdex.jobs.database.connection import connect
from pgdex.jobs.database.libpq_environment import KEPT_FOR_A_URL
from pgdex.jobs.errors import DatabaseUnavailable
from tests.integration.cli.commands import Run
from tests.support.databases import settings_for
from tests.support.logins import run_pgdex
from tests.unit.test_libpq_environment import VARIABLES


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pgdex-home-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_the_embedded_server_starts_and_answers_whatever_they_say(home: Path) -> None:
    wrong = dict.fromkeys(VARIABLES, "nonsense") | {"PGCONNECT_TIMEOUT": "0.5"}
    listed = run_pgdex("list", home=home, **wrong)
    assert listed.code == 0, listed.err
    asked = run_pgdex("db", "psql", "-A", "-t", "-c", "select count(*) from job_status", home=home, **wrong)
    assert (asked.code, asked.out) == (0, "0\n"), asked.err


@pytest.mark.parametrize("name", sorted(name for name in VARIABLES if not KEPT_FOR_A_URL.fullmatch(name)))
def test_one_that_is_not_for_logging_in_does_not_matter_to_a_url(
    database_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "nonsense")
    with connect(settings_for(database_url)) as connection:
        assert connection.execute("select count(*) from pgdex.indexing_jobs").fetchone() == (0,)


def test_the_way_of_protecting_a_connection_counts(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "nonsense")
    with pytest.raises(DatabaseUnavailable, match="sslmode"):
        connect(settings_for(database_url))


def test_a_service_counts_where_the_url_names_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = conninfo_to_dict(database_url)
    services = tmp_path / "services.conf"
    services.write_text("[mine]\n" + "".join(f"{name}={value}\n" for name, value in parts.items()))
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGSERVICE", "another")
    with connect(settings_for("service=mine")) as connection:
        assert connection.info.dbname == parts["dbname"]


def test_workers_and_commands_of_a_url_go_on_without_them(
    run_pgdex: Run, worker: None, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "a.py").write_text("def apple():\n    pass\n")
    wrong = {name: "nonsense" for name in VARIABLES if not KEPT_FOR_A_URL.fullmatch(name)}
    indexed = run_pgdex("index", str(tmp_path / "repository"), env=environment | wrong)
    assert indexed.code == 0, indexed.err
    assert "apple" in run_pgdex("search", "apple", env=wrong).out
    assert os.environ.get("PGHOST") is None
