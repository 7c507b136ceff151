"""libpq's environment variables: none counts for the embedded server, and few for another one."""

import os

import pytest
from psycopg import pq

from pgdex.jobs.database.libpq_environment import forget_libpq_variables

# Keywords have variables; these belong to no keyword (libpq's documentation, "Environment Variables").
WITHOUT_KEYWORD = (
    *("PGDATESTYLE", "PGTZ", "PGGEQO", "PGSYSCONFDIR", "PGLOCALEDIR", "PGSERVICEFILE", "PGREQUIRESSL", "PGOAUTHDEBUG"),
    *("PGDATA", "PGSSLKEYLOGFILE"),
)
VARIABLES = {
    *(option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar is not None),
    *WITHOUT_KEYWORD,
}
LOGGING_IN = {"PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"}


@pytest.fixture
def all_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "nonsense")
    for name in ("PGDEX_HOME", "PG_COLOR", "MYPGHOST"):
        monkeypatch.setenv(name, "mine")


@pytest.mark.usefixtures("all_set")
def test_none_is_left_for_the_embedded_server() -> None:
    forget_libpq_variables(embedded=True)
    assert VARIABLES & set(os.environ) == set()


@pytest.mark.usefixtures("all_set")
def test_what_logs_in_and_protects_the_connection_is_left_for_a_url() -> None:
    forget_libpq_variables(embedded=False)
    left = VARIABLES & set(os.environ)
    assert left == LOGGING_IN | {name for name in VARIABLES if name.startswith("PGSSL")}


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.usefixtures("all_set")
def test_variables_of_others_stay(embedded: bool) -> None:
    forget_libpq_variables(embedded=embedded)
    assert os.environ["PGDEX_HOME"] == os.environ["PG_COLOR"] == os.environ["MYPGHOST"] == "mine"
