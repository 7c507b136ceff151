"""One scenario on one system: work, disturb, wait, judge."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.chaos.outcome import Outcome, judge
from benchmarks.chaos.scenarios import Scenario
from benchmarks.chaos.server import Server
from benchmarks.chaos.systems import Load, System, bare, pgdex

SYSTEMS: dict[str, Callable[[Server, Load, Path], AbstractContextManager[System]]] = {
    "pgdex": pgdex,
    "procrastinate": bare,
}
START_SECONDS = 60.0
DONE_BEFORE = 0.2  # of the units
INTO_THE_UNIT = 0.25  # of its length


def run_scenario(scenario: Scenario, system_name: str, *, folder: Path, deadline: float) -> Outcome:
    """Run it on a fresh server. Raises where the scenario could not be played as it is meant."""
    load = scenario.load
    with (
        Server(max_connections=scenario.max_connections) as server,
        SYSTEMS[system_name](server, load, folder) as system,
    ):
        _wait(system.ready, seconds=START_SECONDS, what="workers that are ready")
        began_at = time.time()
        system.enqueue()
        _wait(lambda: _done(system) >= load.units * DONE_BEFORE, seconds=deadline, what="a first part of the work")
        _wait(lambda: _busy(system) == load.processes * load.slots, seconds=30, what="a unit in every slot", poll=0.02)
        time.sleep(load.seconds * INTO_THE_UNIT)
        affected = {unit.number for unit in system.units() if unit.in_progress}
        if not affected:
            raise RuntimeError("nothing was in progress when the disturbance came")
        disturbed_at = time.time()
        scenario.disturb(server, system)
        until = time.monotonic() + deadline
        while time.monotonic() < until and (_done(system) < load.units or system.stuck()):
            time.sleep(0.1)
        outcome = judge(
            system.units(), affected=affected, stuck=system.stuck(), began_at=began_at, disturbed_at=disturbed_at
        )
        if outcome.recovered:
            system.verify()
        return outcome


def _done(system: System) -> int:
    return sum(unit.done_at is not None for unit in system.units())


def _busy(system: System) -> int:
    return sum(unit.in_progress for unit in system.units())


def _wait(condition: Callable[[], bool], *, seconds: float, what: str, poll: float = 0.1) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(poll)
