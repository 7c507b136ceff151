"""Reading a document in a process of its own, which is watched, and gone when the reading ends."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pgdex.indexer.documents.kinds import DocumentKind, missing_package
from pgdex.indexer.documents.outcomes import OUT_OF_MEMORY, Extracted, Limits, Refusal, Refused

_LOOK_SECONDS: Final = 0.05
_PIPE_BYTES: Final = 1 << 16
# Of what the process says when it fails, the end: the reason stands there.
_TAIL_BYTES: Final = 2_000
# What people and systems end processes with, whatever they are doing.
_SENT_BY_OTHERS: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ExtractionAborted(Exception):
    """The caller's `aborted` turned true."""


def extract(
    data: bytes, kind: DocumentKind, *, limits: Limits, aborted: Callable[[], bool] = lambda: False
) -> Extracted | Refused:
    """The text of the document with these bytes, or why it has none.

    It starts a Python, which takes 0.1 s. `aborted` is asked every 50 ms. What runs into a limit of processor
    time or memory, or crashes what reads it, is refused for good; what takes too long by the clock, or whose process
    somebody ended or could not be started, is `unfinished`, since that may be the machine's doing.

    Raises ExtractionAborted, and RuntimeError where it fails by a mistake of ours. The process is gone in any case;
    should this one be killed, it ends by itself.
    """
    if (package := missing_package(kind)) is not None:
        return Refused(Refusal.EXTRA_MISSING, f"reading it takes {package}")
    command = [sys.executable, "-P", "-m", "pgdex.indexer.documents.child", kind.value]
    command += map(str, (len(data), limits.text_bytes, limits.cpu_seconds, limits.memory_bytes))
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C in the terminal of a worker must not look like a crash.
            start_new_session=True,
        )
    except OSError as error:  # a limit of processes, or a Python that an upgrade is replacing: other files need neither
        return Refused(Refusal.UNFINISHED, f"no process could be started to read it: {error.strerror}")
    try:
        return _Watch(process, data, limits, aborted).outcome()
    finally:
        _end(process)


class _Watch:
    def __init__(
        self, process: "subprocess.Popen[bytes]", data: bytes, limits: Limits, aborted: Callable[[], bool]
    ) -> None:
        import psutil  # not where the process itself imports this package

        self._process = process
        self._usage = psutil.Process(process.pid)
        self._left = memoryview(data)
        self._limits = limits
        self._aborted = aborted
        self._said = bytearray()
        self._complaint = bytearray()
        # Escaped, a character takes two bytes at most: what would take more is cleaned away.
        self._most_said = 2 * limits.text_bytes + _PIPE_BYTES
        self._until = time.monotonic() + limits.wall_seconds

    def outcome(self) -> Extracted | Refused:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with selectors.DefaultSelector() as selector:
            for pipe, event in (
                (process.stdin, selectors.EVENT_WRITE),
                (process.stdout, selectors.EVENT_READ),
                (process.stderr, selectors.EVENT_READ),
            ):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, event)
            readers = 2
            while readers:
                for key, _ in selector.select(_LOOK_SECONDS):
                    if key.fileobj is process.stdin:
                        if not self._send(key.fd):
                            selector.unregister(process.stdin)
                    elif not self._receive(key.fd, self._said if key.fileobj is process.stdout else self._complaint):
                        selector.unregister(key.fileobj)
                        readers -= 1
                if (refused := self._judge()) is not None:
                    return refused
        while process.poll() is None:
            if (refused := self._judge()) is not None:
                return refused
            time.sleep(_LOOK_SECONDS / 10)
        return self._verdict(process.returncode)

    def _send(self, descriptor: int) -> bool:
        """Send more of the document; False where there is nothing more to send. The pipe stays open: the process ends
        with it."""
        with suppress(BlockingIOError):
            try:
                self._left = self._left[os.write(descriptor, self._left[:_PIPE_BYTES]) :]
            except BrokenPipeError:  # it has ended, and its exit code says why
                return False
        return bool(self._left)

    def _receive(self, descriptor: int, into: bytearray) -> bool:
        data = os.read(descriptor, _PIPE_BYTES)
        into += data
        if into is self._complaint:
            del into[:-_TAIL_BYTES]
        return bool(data)

    def _judge(self) -> Refused | None:
        if self._aborted():
            raise ExtractionAborted
        if time.monotonic() > self._until:
            return Refused(Refusal.UNFINISHED, f"it was not read after {self._limits.wall_seconds:g} s")
        if len(self._said) > self._most_said:
            return Refused(Refusal.UNPARSABLE, "what reads it said more than there can be")
        return self._too_much_memory() if self._resident_bytes() > self._limits.memory_bytes else None

    def _resident_bytes(self) -> int:
        from psutil import Error

        try:
            return int(self._usage.memory_info().rss)
        except Error:  # it has just ended
            return 0

    def _verdict(self, code: int) -> Extracted | Refused:
        if code == OUT_OF_MEMORY:
            return self._too_much_memory()
        if code == -signal.SIGXCPU:
            detail = f"reading it takes more than {self._limits.cpu_seconds} s of a processor"
            return Refused(Refusal.UNPARSABLE, detail)
        if code < 0:
            name = signal.Signals(-code).name
            if -code in _SENT_BY_OTHERS:
                return Refused(Refusal.UNFINISHED, f"the process that read it was ended ({name})")
            return Refused(Refusal.UNPARSABLE, f"it crashes what reads it ({name})")
        if code:
            complaint = self._complaint.decode(errors="replace").strip()
            raise RuntimeError(f"reading a document failed with exit code {code}: {complaint.rpartition(chr(10))[2]}")
        answer = json.loads(self._said)
        if "reason" in answer:
            return Refused(Refusal(answer["reason"]), str(answer["detail"]))
        return Extracted(str(answer["text"]), int(answer["unread"]))

    def _too_much_memory(self) -> Refused:
        return Refused(
            Refusal.UNPARSABLE, f"reading it takes more than {self._limits.memory_bytes >> 20} MiB of memory"
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
