"""Workers under `pgdex worker`, which replaces them itself."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.chaos.fleet import Fleet, lives
from tests.support.workers import STOP_SECONDS

SUPERVISOR = (sys.executable, "-P", "-m", "pgdex.jobs.cli", "worker")


@dataclass(slots=True)
class SupervisedFleet(Fleet):
    """`pgdex worker`, which keeps its processes running itself. To kill all is to kill it: they end by themselves
    then, and another one is started."""

    supervisor: subprocess.Popen[bytes] | None = None
    orphans: list[psutil.Process] = field(default_factory=list)

    def launch(self) -> None:
        """Start a supervisor with as many workers as there are places."""
        log = self.workers.folder / "supervisor.log"
        with log.open("ab") as output:
            self.supervisor = subprocess.Popen(
                [*SUPERVISOR, "--processes", str(len(self.places))],
                cwd=self.workers.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
        return (
            kept
            | self.workers.environment
            | {
                "PGDEX_DATABASE_URL": self.workers.database_url,
                "PGDEX_HOME": str(self.workers.folder),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            }
        )

    def start(self, number: int) -> None:
        """The supervisor does that; a new one is started where it was killed."""
        if self.supervisor is None:
            self.launch()

    def kill_all(self) -> None:
        """kill -9 of the supervisor."""
        if self.supervisor is not None:
            self.orphans = [place.process for place in self.places if isinstance(place.process, psutil.Process)]
            self.supervisor.kill()
            self.supervisor.wait()
            self.supervisor = None
        for place in self.places:
            if place.process is not None and place.paused:
                place.process.send_signal(signal.SIGCONT)
            place.fill(None)

    def tend(self) -> None:
        """Find out which processes the supervisor has now."""
        if self.supervisor is None:
            return
        assert self.supervisor.poll() is None, f"the supervisor ended with code {self.supervisor.returncode}"
        children = {child.pid: child for child in psutil.Process(self.supervisor.pid).children() if lives(child)}
        for place in self.places:
            if place.process is not None and place.process.pid not in children:
                self._note(place, None, (self.workers.folder / "supervisor.log").read_text(errors="replace")[-3000:])
                place.fill(None)
        for child in children.values():
            if child.pid not in self.pids():
                empty = next((place for place in self.places if place.process is None), None)
                if empty is not None:
                    empty.fill(child)

    def stop(self) -> None:
        """End the supervisor, which ends its processes, and whoever is left."""
        everybody = [*self.orphans]
        if self.supervisor is not None:
            everybody += psutil.Process(self.supervisor.pid).children()
            for place in self.places:
                if place.process is not None and place.paused:
                    place.process.send_signal(signal.SIGCONT)
            self.supervisor.terminate()
            try:
                self.supervisor.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
                self.supervisor.wait()
        for process in everybody:
            if lives(process):
                process.kill()
