"""Processes of pgdex that begin where their imports are made: `tests.support.fork_server` forks them.

A command takes a seventh of the processor time (0.04 s for 0.3), a worker that does one small job a third (0.26 s for
0.7). All else is as where `subprocess` starts them: a process of its own, with its exit code and its signals. Only
/proc shows the server's command line and environment, and all that one server forks share a hash seed. What is about
that, or about starting, starts an interpreter of its own.
"""

import atexit
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from threading import Lock

CHECKOUT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
MODULES = {"pgdex.jobs.cli", "procrastinate"}
# What pgdex, libpq, git and rich read when they are asked. The interpreter and libraries read others when they start:
# a process for which those differ from the server's gets an interpreter of its own.
MAY_DIFFER = re.compile(r"(PG|GIT_|XDG_|PYTEST_).*|HOME|PATH|TERM|COLUMNS|NO_COLOR")


class Forked:
    """What of `subprocess.Popen` is needed of a process that another one forked."""

    def __init__(self, arguments: Sequence[str], connection: socket.socket) -> None:
        """Wait until it has begun. Raises ChildProcessError."""
        self.args = arguments
        self.returncode: int | None = None
        self._connection = connection
        self._lock = Lock()
        word, self.pid = self._said()
        if word != "began":
            connection.close()
            raise ChildProcessError(f"{list(arguments)} could not begin: see the output that it was given")

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with self._lock:
            if self.returncode is None and _can_be_read(self._connection, timeout=0):
                _, self.returncode = self._said()
                self._connection.close()
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is None or timeout is None:
                _can_be_read(self._connection, timeout=None)
            elif end > (now := time.monotonic()):
                _can_be_read(self._connection, timeout=end - now)
            else:
                raise subprocess.TimeoutExpired(list(self.args), timeout)
        return code

    def send_signal(self, sig: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has, and the server is about to say so
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _said(self) -> tuple[str, int]:
        line = b""
        while not line.endswith(b"\n"):
            more = self._connection.recv(1)
            assert more, "the fork server has ended"
            line += more
        word, number = line.split()
        return word.decode(), int(number)


Process = Forked | subprocess.Popen[bytes]


def start(
    command: Sequence[str],
    *,
    folder: Path | str,
    environment: Mapping[str, str],
    output: int,
    errors: int,
    seed: int = 0,
) -> Process:
    """Start `python -P -m MODULE …` without input, with these descriptors for its output: a forked process where the
    server can make it. Those with different `seed`s go through sets in different orders."""
    if not _is_preloaded(command) or not _can_have(environment):
        return start_fresh(command, folder=folder, environment=environment, output=output, errors=errors)
    _executable, _safe_path, _option, module, *arguments = command
    request = {
        "module": module,
        "arguments": arguments,
        "folder": str(folder),
        "environment": dict(environment),
        "heeds_interrupts": signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,
    }
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(_server(seed)))
    text = json.dumps(request).encode() + b"\n"
    with Path(os.devnull).open() as nothing:
        sent = socket.send_fds(connection, [text], [nothing.fileno(), output, errors])
        connection.sendall(text[sent:])
    return Forked(command, connection)


def start_fresh(
    command: Sequence[str], *, folder: Path | str, environment: Mapping[str, str], output: int, errors: int
) -> subprocess.Popen[bytes]:
    """The same as an interpreter of its own."""
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
    )


def run(
    command: Sequence[str], *, folder: Path | str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """As `start`, to its end, which is when nobody can write to its output any more."""
    with ExitStack() as stack:
        read, written = zip(*(os.pipe() for _ in range(2)), strict=True)
        for descriptor in read:
            stack.callback(os.close, descriptor)
        try:
            process = start(command, folder=folder, environment=environment, output=written[0], errors=written[1])
        finally:
            for descriptor in written:
                os.close(descriptor)
        try:
            out, err = _texts(read)
            return subprocess.CompletedProcess(command, process.wait(PATIENCE_SECONDS), out, err)
        except BaseException:
            process.kill()
            process.wait()
            raise


def _texts(descriptors: Sequence[int]) -> list[str]:
    """What is written to these pipes until nobody has them open."""
    texts = dict.fromkeys(descriptors, b"")
    deadline = time.monotonic() + PATIENCE_SECONDS
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            assert ready, f"not at its end after {PATIENCE_SECONDS} s: {texts}"
            for key, _ in ready:
                if more := os.read(key.fd, 1 << 16):
                    texts[key.fd] += more
                else:
                    selector.unregister(key.fd)
    return [text.decode().replace("\r\n", "\n").replace("\r", "\n") for text in texts.values()]


def _is_preloaded(command: Sequence[str]) -> bool:
    return sys.platform == "linux" and tuple(command[:3]) == (sys.executable, "-P", "-m") and command[3] in MODULES


def _can_have(environment: Mapping[str, str]) -> bool:
    if any(name.startswith("COVERAGE_") for name in environment):
        return False  # which is begun with the interpreter, too
    own = _server_environment()
    differ = {name for name in own.keys() | environment.keys() if own.get(name) != environment.get(name)}
    return all(MAY_DIFFER.fullmatch(name) for name in differ)


@cache
def _server_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    return kept | {"PYTHONPATH": str(CHECKOUT)}


@cache
def _server(_seed: int) -> Path:
    """The socket of a server that ends with this process. Each has a hash seed of its own, as every interpreter."""
    folder = Path(tempfile.mkdtemp(prefix="pgdex-forks-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = folder / "socket"
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.support.fork_server", str(address)],
        cwd=CHECKOUT,
        # numpy's threads are none of the forked processes', and whoever has threads should not fork.
        env=_server_environment() | {"OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    atexit.register(server.kill)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not address.exists():
        assert server.poll() is None, f"the fork server ended with {server.returncode}"
        assert time.monotonic() < deadline, f"no fork server within {PATIENCE_SECONDS} s"
        time.sleep(0.02)
    return address


def _can_be_read(connection: socket.socket, *, timeout: float | None) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(timeout))
