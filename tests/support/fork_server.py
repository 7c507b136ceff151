"""Forks processes of pgdex for tests from one that has made their imports, which are most of what a short one takes.

python -P -m tests.support.fork_server SOCKET (ends with its stdin; `tests.support.preloaded` asks it)
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from multiprocessing.context import ForkProcess
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from pgdex.jobs.cli.root import SECTIONS

COMMANDS = [lazy.target.partition(":")[0] for section in SECTIONS.values() for lazy in section.values()]
LIBRARIES = (
    "httpx2",
    "rich.live",
    "rich.table",
    "rich.text",
    "pgdex.indexer.search",
    "pgdex.jobs.embedders",
    "pgdex.jobs.worker.launcher",
)
WORKER = (
    "procrastinate.cli",
    "pgdex.jobs.batches.index_batch",
    "pgdex.jobs.tasks",
    "pgdex.jobs.worker.process",
    "pgdex.jobs.worker.stoppable",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a forked process is to become."""

    module: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    heeds_interrupts: bool

    def become(self, files: list[int], asked_by: socket.socket) -> None:
        """As `python -P -m MODULE ARGUMENT…` in that folder, with these three files. Raises SystemExit."""
        for number, (name, file) in enumerate(zip(("stdin", "stdout", "stderr"), files, strict=True)):
            os.dup2(file, number)
            os.close(file)
            _open_again(name, number)
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        signal.signal(signal.SIGINT, signal.default_int_handler if self.heeds_interrupts else signal.SIG_IGN)
        sys.argv = [self.module, *self.arguments]
        _say(asked_by, "began", os.getpid())  # only now: whoever hears it finds the process in its folder
        asked_by.close()
        runpy.run_module(self.module, run_name="__main__", alter_sys=True)


class Server:
    """It has one thread: no lock of another is held when it forks."""

    def __init__(self, address: str) -> None:
        self._waiting: dict[int, tuple[ForkProcess, socket.socket]] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{address}.new")
        self._listener.listen(100)
        self._selector = DefaultSelector()
        self._selector.register(sys.stdin, EVENT_READ)
        self._selector.register(self._listener, EVENT_READ)
        os.rename(f"{address}.new", address)  # whoever finds it can connect

    def serve(self) -> None:
        """Fork at each request, and say of each process how it ended."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is self._listener:
                    self._fork()
                else:
                    self._report(key.fd)

    def _fork(self) -> None:
        asked_by, _ = self._listener.accept()
        request, files = _received(asked_by)
        process = ForkProcess(target=self._leave_for, args=(request, files, asked_by))
        process.start()
        for file in files:
            os.close(file)
        self._selector.register(process.sentinel, EVENT_READ)
        self._waiting[process.sentinel] = process, asked_by

    def _report(self, sentinel: int) -> None:
        self._selector.unregister(sentinel)
        process, asked_by = self._waiting.pop(sentinel)
        process.join()
        _say(asked_by, "ended", process.exitcode)
        asked_by.close()
        process.close()

    def _leave_for(self, request: Request, files: list[int], asked_by: socket.socket) -> None:
        """Keep nothing of the server in a forked process."""
        self._selector.close()
        for file in (self._listener, *(others for _, others in self._waiting.values())):
            file.close()
        request.become(files, asked_by)


def _open_again(name: str, number: int) -> None:
    """One of `sys.stdin`, `sys.stdout` and `sys.stderr`, which remember of the server's files, for example,
    whether one can seek in them."""
    before = getattr(sys, name)
    assert isinstance(before, TextIOWrapper), name
    after = open(  # noqa: SIM115 (a descriptor; it stays open)
        number,
        "r" if number == 0 else "w",
        buffering=1 if number == 2 else -1,
        encoding=before.encoding,
        errors=before.errors,
        closefd=False,
    )
    setattr(sys, name, after)
    setattr(sys, f"__{name}__", after)


def _received(connection: socket.socket) -> tuple[Request, list[int]]:
    text, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(1 << 16)
    values: dict[str, Any] = json.loads(text)
    return Request(**values), files


def _say(connection: socket.socket, word: str, number: int | None) -> None:
    with suppress(OSError):  # whoever asked has ended
        connection.sendall(f"{word} {number}\n".encode())


if __name__ == "__main__":
    for module in (*COMMANDS, *LIBRARIES, *WORKER):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a forked process that looked through it would copy all of it
    Server(sys.argv[1]).serve()
    os._exit(0)  # multiprocessing would wait for what still runs
