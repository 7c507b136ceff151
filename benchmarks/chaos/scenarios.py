"""The five scenarios: what each does to the workers or to the server, and how much work there is meanwhile."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil
import psycopg

from benchmarks.chaos.server import Server
from benchmarks.chaos.systems import Load, System

UNIT_SECONDS = 3.0
KILLS = 3
BETWEEN_KILLS_SECONDS = 5.0
SERVER_AWAY_SECONDS = 1.0
HOG_SECONDS = 15.0
FEW_CONNECTIONS = 20
BACKENDS = """
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
        and application_name <> 'benchmark'
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A disturbance, which raises where it had no effect, and the load under which it comes."""

    name: str
    disturb: Callable[[Server, System], None]
    load: Load
    max_connections: int | None = None


def kill_all(_server: Server, system: System) -> None:
    """kill -9 of every worker process, each with work in progress."""
    workers = system.workers.workers()
    if not workers:
        raise RuntimeError("there is no worker process to kill")
    for worker in workers:
        worker.kill()
    if psutil.wait_procs(workers, timeout=10)[1]:
        raise RuntimeError("a killed worker goes on running")


def kill_repeatedly(server: Server, system: System) -> None:
    """Every worker is killed, and its successors twice more."""
    for number in range(KILLS):
        if number:
            time.sleep(BETWEEN_KILLS_SECONDS)
        kill_all(server, system)


def restart_server(server: Server, _system: System) -> None:
    """A fast shutdown, a second without a server, and a start."""
    before = _started_at(server)
    server.restart("fast", pause=SERVER_AWAY_SECONDS)
    if _started_at(server) == before:
        raise RuntimeError("the server was not restarted")


def kill_backends(server: Server, _system: System) -> None:
    """pg_terminate_backend for every session of the database, once."""
    with psycopg.connect(server.url, autocommit=True, application_name="benchmark") as connection:
        row = connection.execute(BACKENDS).fetchone()
    if not row or not row[0]:
        raise RuntimeError("no session was ended")


def exhaust_connections(server: Server, _system: System) -> None:
    """A client takes every connection that is left, and each that becomes free, for 15 seconds."""
    held: list[psycopg.Connection[tuple[object, ...]]] = []
    refused = 0
    until = time.monotonic() + HOG_SECONDS
    while time.monotonic() < until:
        try:
            held.append(psycopg.connect(server.url, application_name="hog"))
        except psycopg.OperationalError as error:
            if "too many clients" not in str(error) and "reserved for" not in str(error):
                raise
            refused += 1
            time.sleep(0.02)
    for connection in held:
        with suppress(psycopg.Error):
            connection.close()
    if refused < HOG_SECONDS:
        raise RuntimeError(f"the server refused only {refused} connections")


def _started_at(server: Server) -> object:
    with psycopg.connect(server.url) as connection:
        return connection.execute("select pg_postmaster_start_time()").fetchone()


SCENARIOS = (
    Scenario("crash", kill_all, Load(20, UNIT_SECONDS)),
    Scenario("repeated kills", kill_repeatedly, Load(20, UNIT_SECONDS)),
    Scenario("Postgres restart", restart_server, Load(20, UNIT_SECONDS)),
    Scenario("backend kills", kill_backends, Load(20, UNIT_SECONDS)),
    Scenario(
        "pool exhaustion",
        exhaust_connections,
        Load(80, UNIT_SECONDS, slots=10),
        max_connections=FEW_CONNECTIONS,
    ),
)
