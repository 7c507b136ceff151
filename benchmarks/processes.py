"""One command as a process of its own: its wall time, the CPU time and the peak memory that the system counted."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_SECONDS = 0.01
LOG_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to. CPU time and memory include the children that it waited for."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    code: int | None
    """None where it was not through within its limit and was ended."""
    log: str

    @property
    def is_through(self) -> bool:
        """Whether it ended by itself. Raises RuntimeError with its log where it failed."""
        if self.code not in (0, None):
            raise RuntimeError(f"the command ended with code {self.code}:\n{self.log[-LOG_CHARACTERS:]}")
        return self.code == 0


def run_command(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path, limit_seconds: float
) -> Outcome:
    """Run the command to its end, or end it and its children after `limit_seconds`."""
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    late = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        passed = time.perf_counter() - started
        if pid:
            break
        if passed > limit_seconds and not late:
            late = True
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Outcome(
        seconds=passed,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        code=None if late else process.returncode,
        log=log.read_text(errors="replace"),
    )


def peak_bytes(process: psutil.Process) -> int:
    """The most memory that a living process ever had resident, as the system counts it (Linux); 0 if it has gone."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process, its living children, and those that it has waited for."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
        if one == process:
            total += times.children_user + times.children_system
    return total


def own_cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
