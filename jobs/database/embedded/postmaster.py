"""The server's first process: what its file says, and whether a process is really it.

The number in `postmaster.pid` proves nothing: after a power failure, or in a container that was killed, something else
has it. A process gets a signal only when its data folder and its start were checked, or the kernel names it as the one
that listens on our socket.
"""

import os
import signal
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pgdex.jobs.database.embedded.answers import listener

if TYPE_CHECKING:
    import psutil

SAME_START_SECONDS = 5.0  # between a process's start and the moment that the server noted for it
SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class PidFile(NamedTuple):
    """What `postmaster.pid` says."""

    pid: int
    started: float
    """Seconds since 1970."""
    socket_folder: Path | None
    """Noted as soon as it listens."""
    says_ready: bool
    """A hint that asking is worth while, and no more."""


def read_pid_file(data: Path) -> PidFile | None:
    """The file of the data folder; None where there is none or it makes no sense (torn, empty, of initdb)."""
    try:
        lines = os.fsdecode((data / "postmaster.pid").read_bytes()).splitlines()
        pid, started = int(lines[0]), float(lines[2])
    except (OSError, ValueError, IndexError):
        return None
    if pid <= 1:
        return None
    folder = Path(lines[4]) if len(lines) > 4 and lines[4] else None
    return PidFile(pid, started, folder, len(lines) > 7 and lines[7].strip() == "ready")


def serves(folder: Path, data: Path) -> bool:
    """Whether who listens in `folder` serves this very data folder, and not one that was removed, or a copy of it; true
    where the system doesn't say."""
    pid = listener(folder)
    try:
        return pid is None or _is_same(Path(f"/proc/{pid}/cwd"), data)
    except PermissionError:
        return True


def postmaster(data: Path) -> "psutil.Process | None":
    """The verified first process of the server of this data folder, or None where none can be verified."""
    import psutil

    noted = read_pid_file(data)
    if noted is None:
        return None
    with suppress(psutil.Error):
        process = psutil.Process(noted.pid)
        if not _is_server(process) or not _works_in(process, data):
            return None
        started = abs(process.create_time() - noted.started) <= SAME_START_SECONDS
        # A clock that was set between the two is no reason to leave a server running for ever.
        if started or (noted.socket_folder is not None and listener(noted.socket_folder) == noted.pid):
            return process
    return None


def left_behind(data: Path) -> "list[psutil.Process]":
    """Servers that were started on this path and whose data folder was removed: nothing can reach them any more."""
    import psutil

    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.info["name"] == "postgres" and _was_started_on(process, data) and not _works_in(process, data):
                found.append(process)
    return found


def end(process: "psutil.Process", *, mode: str, seconds: float) -> bool:
    """Tell a verified process to stop, and wait for it; whether it has ended. psutil looks at its start once more."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        process.send_signal(SIGNALS[mode])
    with suppress(psutil.TimeoutExpired):
        process.wait(seconds)
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def _is_server(process: "psutil.Process") -> bool:
    import psutil

    return process.status() != psutil.STATUS_ZOMBIE and process.name() == "postgres"


def _works_in(process: "psutil.Process", data: Path) -> bool:
    """Whether its working directory is this very folder. Where it may not be looked at (root in a container that lacks
    a capability), the path that it was started with decides."""
    import psutil

    try:
        linked = Path(f"/proc/{process.pid}/cwd")  # the folder itself, even where it was moved, or its path used again
        return _is_same(linked if Path("/proc/self/cwd").exists() else Path(process.cwd()), data)
    except (PermissionError, psutil.AccessDenied):
        return _was_started_on(process, data)


def _is_same(one: Path, other: Path) -> bool:
    """Whether both are one folder. Raises PermissionError."""
    try:
        return one.samefile(other)
    except PermissionError:
        raise
    except OSError:
        return False


def _was_started_on(process: "psutil.Process", data: Path) -> bool:
    command = process.cmdline()
    return any(word == "-D" and Path(folder) == data for word, folder in pairwise(command))
