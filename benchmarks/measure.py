"""Measuring worker processes and the server from outside, and writing results into docs/benchmarks.md."""

import datetime as dt
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
SAMPLE_SECONDS = 0.2


@dataclass(slots=True)
class Usage:
    """What a process tree used: CPU seconds of each process by pid, and each one's peak resident bytes."""

    cpu: dict[int, float] = field(default_factory=dict)
    peak: dict[int, int] = field(default_factory=dict)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all processes together."""
        return sum(self.cpu.values())

    @property
    def peak_bytes(self) -> int:
        """The largest single process."""
        return max(self.peak.values(), default=0)


class Sampler:
    """Samples the processes that `select` accepts until it is stopped; ended ones keep their last figures."""

    def __init__(self, root: psutil.Process, *, name: str | None = None) -> None:
        self._root = root
        self._name = name
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.usage = Usage()

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        before: dict[int, float] = {}
        while True:
            for process in self._processes():
                try:
                    times = process.cpu_times()
                    used = times.user + times.system
                    self.usage.cpu[process.pid] = used - before.setdefault(process.pid, used)
                    self.usage.peak[process.pid] = max(self.usage.peak.get(process.pid, 0), process.memory_info().rss)
                except psutil.Error:
                    continue
            if self._over.wait(SAMPLE_SECONDS):
                return

    def _processes(self) -> list[psutil.Process]:
        try:
            family = [self._root, *self._root.children(recursive=True)]
            return [p for p in family if self._name is None or self._name in " ".join(p.cmdline())]
        except psutil.Error:
            return []


def machine() -> str:
    """One line about where the figures come from."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def load() -> str:
    """What else the machine was doing: the figures mean less the higher this is above zero."""
    return f"load average {os.getloadavg()[0]:.1f} before the run"


def commit() -> str:
    """The commit that was measured."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def write_section(name: str, body: str, *, document: Path = DOCUMENT) -> None:
    """Replace the section `name` of a document (between its two comment lines), or append it."""
    head = f"<!-- {name}: begin -->"
    tail = f"<!-- {name}: end -->"
    stamp = f"_{dt.datetime.now(dt.UTC):%Y-%m-%d}, commit {commit()}, {machine()}. Command: `{command()}`_"
    section = f"{head}\n{stamp}\n\n{body.strip()}\n{tail}"
    text = document.read_text() if document.exists() else "# Benchmarks\n"
    pattern = re.compile(re.escape(head) + ".*?" + re.escape(tail), re.DOTALL)
    text = pattern.sub(lambda _: section, text) if pattern.search(text) else f"{text.rstrip()}\n\n{section}\n"
    document.write_text(text)


def command() -> str:
    """The command line that a reader can repeat."""
    module = sys.modules["__main__"].__spec__
    name = module.name.removesuffix(".__main__") if module else Path(sys.argv[0]).name
    return " ".join(["python -m", name, *sys.argv[1:]])


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def wait_until(condition: Callable[[], object], *, seconds: float) -> None:
    """Poll until `condition()` is true; TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not reached within {seconds} s")
        time.sleep(0.05)
