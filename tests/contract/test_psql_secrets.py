"""`pgdex db psql`: no secret of the database's address is in the arguments of any process."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from pgdex.jobs.cli.psql import secret_keywords
from pgdex.jobs.cli.psql import service_file as with_service_file
from pgdex.jobs.errors import PgdexError
from tests.support.databases import new_database, url_of
from tests.support.logins import CHECKOUT, PGDEX, new_login
from tests.support.waiting import wait_for

PASSWORD = "pass-s3cret"
KEY_PASSWORD = "key=s3cret; 'quoted' \\ ä"
SLEEPING = "select 'ready', pg_sleep(20)"


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    """The address of a database for a login with a password, with another secret in it."""
    with new_database(server_url) as name, new_login(url_of(server_url, name), password=PASSWORD) as login:
        yield f"{login}{'&' if '?' in login else '?'}sslpassword={quote(KEY_PASSWORD, safe='')}"


def arguments_of_all_processes() -> str:
    """What everyone on the machine can see."""
    found: list[str] = []
    for process in psutil.process_iter(["cmdline"]):
        found += process.info["cmdline"] or []
    return "\n".join(found)


def test_the_secrets_reach_psql_and_nobody_else(url: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PGDEX_", "PG"))}
    variables = {"PGDEX_HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT), "PGDEX_DATABASE_URL": url}
    psql = subprocess.Popen(
        [*PGDEX, "db", "psql", "-X", "-A", "-t", "-c", "select 'ready', current_user", "-c", SLEEPING],
        env=kept | variables | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert psql.stdout is not None
        assert psql.stdout.readline().startswith("ready|")  # so it has logged in
        wait_for(lambda: SLEEPING in arguments_of_all_processes(), what="psql among the processes", seconds=10)
        seen = arguments_of_all_processes()
    finally:
        for child in psutil.Process(psql.pid).children(recursive=True):
            child.terminate()
        psql.wait(20)

    assert "s3cret" not in seen
    assert not any("s3cret" in file.read_text(errors="replace") for file in tmp_path.rglob("*") if file.is_file())


def test_whatever_libpq_calls_a_secret_is_one() -> None:
    assert {"password", "sslpassword", "oauth_client_secret", "scram_client_key"} <= secret_keywords()


def test_the_file_holds_the_secrets_alone_and_goes(tmp_path: Path) -> None:
    with with_service_file({"sslpassword": KEY_PASSWORD}, {"host": "x"}) as (path, _):
        assert path is not None
        file = Path(path)
        assert file.read_text() == f"[pgdex]\nsslpassword={KEY_PASSWORD}\n"
        if sys.platform == "linux":
            assert re.fullmatch(r"/proc/self/fd/\d+", path)
    assert not file.exists()
    with with_service_file({}, {}) as (path, descriptors):
        assert (path, descriptors) == (None, ())


@pytest.mark.parametrize("secret", [" s3cret", "two\nlines", "\0"])
def test_a_secret_that_psql_can_not_be_handed_is_named_and_not_shown(secret: str) -> None:
    with pytest.raises(PgdexError, match="sslpassword") as error, with_service_file({"sslpassword": secret}, {}):
        pass

    assert secret.strip() not in str(error.value)


def test_a_service_of_the_user_s_own_is_not_replaced() -> None:
    with pytest.raises(PgdexError, match="service file"), with_service_file({"sslpassword": "x"}, {"service": "mine"}):
        pass
