"""The worker processes of a run, each in a place of its own: killed, stopped, and replaced."""

import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import Protocol

import psutil

from tests.support.workers import Workers

STARTING_SECONDS = 6.0  # a process that is so young may not be at work yet, on a busy machine


class Process(Protocol):
    """What a place needs of a `subprocess.Popen` or a `psutil.Process`."""

    @property
    def pid(self) -> int: ...
    def kill(self) -> None: ...
    def send_signal(self, sig: int) -> None: ...


@dataclass(slots=True)
class Place:
    """Where a worker process runs; another one takes its place when it ends."""

    process: Process | None = None
    started_at: float = 0.0
    paused: bool = False

    @property
    def runs(self) -> bool:
        """Whether its process is there and not stopped."""
        return self.process is not None and not self.paused

    def fill(self, process: Process | None) -> None:
        """Another process runs here from now on, or none."""
        self.process, self.started_at, self.paused = process, time.monotonic(), False


@dataclass(frozen=True, slots=True)
class Departure:
    """A worker process that ended although nobody killed it."""

    pid: int
    code: int | None
    at: float
    lived_seconds: float
    found_no_database: bool
    """It was only starting when the database went away: it said so, and whoever started it starts another."""
    log: str

    def __str__(self) -> str:
        return f"worker process {self.pid} ended with code {self.code} after {self.lived_seconds:.1f} s:\n{self.log}"


@dataclass(slots=True)
class Fleet:
    """Plain processes, `procrastinate --app=pgdex.app worker`; the run starts others where they end."""

    workers: Workers
    slots: int
    places: list[Place]
    departures: list[Departure] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    """When the database went away, and when it was back."""

    def launch(self) -> None:
        """Start all."""
        for number in range(len(self.places)):
            self.start(number)

    def start(self, number: int) -> None:
        """Start a worker in a place that has none."""
        if self.places[number].process is None:
            # Two machines, as far as their mirrors are concerned.
            home = self.workers.folder / f"home-{number % 2}"
            home.mkdir(exist_ok=True)
            self.workers.environment["PGDEX_HOME"] = str(home)
            self.places[number].fill(self.workers.start(concurrency=self.slots)[0])

    def kill(self, number: int) -> None:
        """kill -9 of the worker in that place, stopped or not. Its place is empty then."""
        process = self.places[number].process
        if process is not None:
            self.places[number].fill(None)
            process.kill()
            _wait(process)

    def kill_all(self) -> None:
        """kill -9 of all that there are."""
        for place in self.places:
            if place.process is not None:
                place.process.kill()
        for number in range(len(self.places)):
            self.kill(number)

    def pause(self, number: int) -> Process:
        """Stop the process where it stands."""
        process = self.places[number].process
        assert process is not None, f"place {number} is empty"
        process.send_signal(signal.SIGSTOP)
        self.places[number].paused = True
        return process

    def wake(self, process: Process) -> None:
        """Let it go on, if it still is the one in its place."""
        for place in self.places:
            if place.process is process and place.paused:
                process.send_signal(signal.SIGCONT)
                place.paused = False

    def tend(self) -> None:
        """What a supervisor does: start a worker where one has ended by itself, and note that it did."""
        for number, place in enumerate(self.places):
            process = place.process
            if isinstance(process, subprocess.Popen) and process.poll() is not None:
                self._note(place, process.returncode, self._log_of(self.workers.processes.index(process)))
                place.fill(None)
                self.start(number)

    def wait_until_at_work(self) -> None:
        """Wait until the database knows as many living workers as there are places."""
        self.workers.wait_until_alive(len(self.places))

    def pids(self) -> set[int]:
        """The processes that there should be."""
        return {place.process.pid for place in self.places if place.process is not None}

    def stop(self) -> None:
        """End all; none is left afterwards."""
        self.workers.stop()

    def _note(self, place: Place, code: int | None, log: str) -> None:
        assert place.process is not None, "someone ended"
        now = time.monotonic()
        lived = now - place.started_at
        hit = any(began - STARTING_SECONDS < place.started_at < ended for began, ended in self.outages)
        # On a machine with ten times the work of its cores a start was seen to take 13 s. JSON is what a worker logs.
        found_none = hit and (lived < 2 * STARTING_SECONDS or not any(line.startswith("{") for line in log.split("\n")))
        self.departures.append(Departure(place.process.pid, code, now, lived, found_none, log))
        recent = [departure for departure in self.departures[-6:] if now - departure.at < 20]
        if len(recent) == 6 and all(departure.lived_seconds < 5 for departure in recent):
            raise AssertionError(f"workers end as soon as they start: {recent[-1]}")

    def _log_of(self, number: int) -> str:
        return (self.workers.folder / f"worker-{number}.log").read_text(errors="replace")[-3000:]


def lives(process: psutil.Process) -> bool:
    """Whether it is there, and not only as an entry that its parent has not read yet."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait(process: Process) -> None:
    if isinstance(process, subprocess.Popen):
        process.wait()
        return
    while isinstance(process, psutil.Process) and lives(process):
        time.sleep(0.005)
