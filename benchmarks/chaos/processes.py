"""Worker processes that are started again when they end, as a shell loop or a service manager does it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import psutil

RESTART_SECONDS = 0.1
STOP_SECONDS = 15.0
ROOT = Path(__file__).parents[2]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without a person's own PGDEX_ variables, with `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    return kept | {"PYTHONPATH": str(ROOT)} | variables


def worker_command(app: str, *arguments: str) -> list[str]:
    """procrastinate's own command for a worker of `app`."""
    return [sys.executable, "-P", "-m", "procrastinate", f"--app={app}", "worker", *arguments]


class RestartLoop:
    """`count` processes of one command; each is started again 0.1 s after it ended, whatever its exit code."""

    def __init__(self, command: list[str], *, count: int, log: Path, variables: dict[str, str]) -> None:
        self._command = command
        self._variables = environment(**variables)
        self._log = log
        self._over = threading.Event()
        self._processes = [self._start() for _ in range(count)]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def workers(self) -> list[psutil.Process]:
        """The processes that do the work: those of the command, or their children where it is a supervisor."""
        found = []
        for process in self._processes:
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                found += [one for one in family if "procrastinate" in one.cmdline()]
            except psutil.Error:
                continue
        return found

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self._log.parent,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _run(self) -> None:
        ended: dict[int, float] = {}
        while not self._over.wait(0.02):
            for slot, process in enumerate(self._processes):
                if process.poll() is None:
                    continue
                if time.monotonic() - ended.setdefault(process.pid, time.monotonic()) >= RESTART_SECONDS:
                    self._processes[slot] = self._start()
