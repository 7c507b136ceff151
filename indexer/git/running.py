"""Running git to its end: watched for progress, stopped when asked, and killed with all that it started."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pgdex.indexer.git.errors import GitAborted, GitFailed, GitTimedOut
from pgdex.indexer.git.outcomes import readable
from pgdex.indexer.git.program import Git

# Far above what any list of refs or files takes that we ask for as a whole.
MAX_OUTPUT_BYTES: Final = 1 << 28

# Of what git says, the end is kept: the reason stands there.
_TAIL_BYTES: Final = 8 << 10
_LOOK_SECONDS: Final = 0.1
# Git removes its lock files and half-written packs when it is asked to end.
_GRACE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a call may take, in seconds: without any sign of progress, and altogether."""

    stall: float = 120.0
    total: float = 3_600.0


PATIENT: Final = Limits()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended. `said` is the end of its stderr, printable and without credentials."""

    status: int
    output: bytes
    said: str


def run(
    git: Git,
    arguments: Sequence[str],
    *,
    folder: str,
    in_repository: bool,
    protocols: str = "",
    settings: Iterable[str] = (),
    limits: Limits = PATIENT,
    aborted: Callable[[], bool] = lambda: False,
    progress: Callable[[str], object] = lambda line: None,
) -> Outcome:
    """Run git in `folder` (a mirror, or a folder that is no repository) and wait for it.

    `aborted` is asked every 0.1 s; `progress` is told git's last line, printable and without credentials. Raises
    GitAborted and GitTimedOut, after git and its children are gone.
    """
    stall = f"http.lowSpeedTime={max(1, int(limits.stall))}"
    process = subprocess.Popen(
        git.command(arguments, settings=(stall, *settings)),
        cwd=folder,
        env=git.environment(protocols=protocols, folder=folder, in_repository=in_repository),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A session of its own has no terminal, so ssh can't ask for a password there either.
        start_new_session=True,
    )
    try:
        output, said = _Watch(process, limits, aborted, progress).to_the_end()
    finally:
        kill(process)
    return Outcome(process.returncode, output, readable(said))


class _Watch:
    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: Limits,
        aborted: Callable[[], bool],
        progress: Callable[[str], object],
    ) -> None:
        self._process = process
        self._limits = limits
        self._aborted = aborted
        self._progress = progress
        self._output = bytearray()
        self._said = bytearray()

    def to_the_end(self) -> tuple[bytes, bytes]:
        began = heard = time.monotonic()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with selectors.DefaultSelector() as selector:
            for pipe, into in ((self._process.stdout, self._output), (self._process.stderr, self._said)):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, into)
            while selector.get_map():
                heard = time.monotonic() if self._read(selector, _LOOK_SECONDS) else heard
                if has_ended(self._process):
                    # What is left in the pipes, and no more: a connection that ssh keeps open for later calls
                    # (ControlPersist) holds stderr open for as long as it lives.
                    while self._read(selector, 0):
                        pass
                    break
                self._judge(began, heard)
        while not has_ended(self._process):
            self._judge(began, heard)
            time.sleep(_LOOK_SECONDS / 10)
        return bytes(self._output), bytes(self._said)

    def _read(self, selector: selectors.BaseSelector, seconds: float) -> bool:
        """Take what the pipes hold; return whether there was anything."""
        got = False
        for key, _ in selector.select(seconds):
            data = b""
            with suppress(BlockingIOError):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
            into: bytearray = key.data
            into += data
            got = got or bool(data)
            if into is self._said and data:
                if len(into) > _TAIL_BYTES:  # to whole lines: a URL that is cut could not be told from other text
                    del into[:-_TAIL_BYTES]
                    del into[: max(into.find(b"\n"), into.find(b"\r")) + 1]
                lines = bytes(into).replace(b"\r", b"\n").rstrip(b"\n").rsplit(b"\n", 1)
                self._progress(readable(lines[-1]))
        return got

    def _judge(self, began: float, heard: float) -> None:
        if self._aborted():
            raise GitAborted("fetching was stopped")
        now = time.monotonic()
        if now - heard > self._limits.stall:
            raise GitTimedOut(f"git made no progress for {self._limits.stall:g} s and was ended")
        if now - began > self._limits.total:
            raise GitTimedOut(f"git was not done after {self._limits.total:g} s and was ended")
        if len(self._output) > MAX_OUTPUT_BYTES:
            raise GitFailed(f"git's answer is larger than {MAX_OUTPUT_BYTES >> 20} MiB; it was ended")


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended. It is not waited for, so its number, and its group's, stays taken."""
    if process.returncode is not None:
        return True
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that has a session of its own, with its children, and close its pipes. It is gone afterwards."""
    if process.returncode is None:
        if not has_ended(process):
            _signal(process, signal.SIGTERM)
            until = time.monotonic() + _GRACE_SECONDS
            while not has_ended(process) and time.monotonic() < until:
                time.sleep(_LOOK_SECONDS / 20)
        # Also where git itself has ended: what it left behind in its group may wait for ever.
        if process.returncode is None:
            _signal(process, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
