"""Parsing with tree-sitter: one parser per thread and grammar, a time limit, and an abort.

tree-sitter 0.26 holds the GIL while it parses (two threads with the work of one each took 2.5 s, one
alone 1.1 s), so more parsing needs more processes. Its progress callback runs every hundred steps (some 10 µs),
though, and there the interpreter lets other threads run: a heartbeat in another thread is not
starved by a slow parse.
"""

import threading
from collections.abc import Callable
from time import monotonic, thread_time

from tree_sitter import Parser, Point, Range, Tree

from pgdex.indexer.chunking.grammars import load_grammar
from pgdex.indexer.chunking.model import ChunkingAborted, ChunkingError, ParseTimeout

_ABORT_INTERVAL_SECONDS = 0.02

# How much a second look at a place in the source gets to read.
_WINDOW_BYTES = 4_096


class _Source:
    """What a parser reads, in buffers that are used again and again.

    tree-sitter 0.26 never gives up its reference to what a read callback returned. Returning the
    source itself kept every file in memory (11 MB per thousand files of Ansible); returning the
    same few buffers always keeps nothing. Scanners that ask for the column read again from the
    start of the line, which is why those reads are kept short.
    """

    def __init__(self) -> None:
        self._bytes = b""
        self._whole = bytearray()
        self._windows = (bytearray(), bytearray())

    def load(self, source: bytes) -> None:
        self._bytes = source
        self._whole[:] = source

    def read(self, offset: int, _point: Point) -> bytes | bytearray:
        if offset == 0:
            return self._whole
        part = self._bytes[offset : offset + _WINDOW_BYTES]
        if not part:
            return part
        # Two by turns: the one that was returned last may still be in use.
        window, other = self._windows
        self._windows = (other, window)
        window[:] = part
        return window


class _Parsers(threading.local):
    """Parsers and what they read, which must not be shared between threads."""

    def __init__(self) -> None:
        self.source = _Source()
        self._by_grammar: dict[str, Parser] = {}

    def of(self, grammar: str) -> Parser:
        parser = self._by_grammar.get(grammar)
        if parser is None:
            parser = self._by_grammar[grammar] = Parser(load_grammar(grammar))
        return parser


_parsers = _Parsers()


class Watch:
    """The time limit and the abort flag of one `chunk_file`.

    The limit is of the thread's processor time, so that what becomes of a file does not depend on how busy the machine
    is, or on whether the process was stopped in between. That clock is a system call; the monotonic one tells when
    it is worth asking.
    """

    __slots__ = ("_aborted", "_deadline", "_limit", "_used_before", "next_look")

    def __init__(self, time_limit_seconds: float, aborted: Callable[[], bool] | None) -> None:
        now = monotonic()
        self._limit = time_limit_seconds
        self._used_before = thread_time()
        self._deadline = now + time_limit_seconds
        self._aborted = aborted
        # Until then (on the monotonic clock) `expired` would say no.
        self.next_look = now if aborted is not None else self._deadline

    def expired(self) -> bool:
        """Whether work has to stop now; asks `aborted` at most every 20 ms."""
        now = monotonic()
        if now < self.next_look:
            return False
        if now >= self._deadline:
            left = self._limit - (thread_time() - self._used_before)
            if left <= 0:
                return True
            self._deadline = now + left
        self.next_look = min(self._deadline, now + _ABORT_INTERVAL_SECONDS)
        return self._aborted is not None and self._aborted()

    def check_abort(self) -> None:
        """Raises ChunkingAborted when it is time to stop; what was parsed may be finished late."""
        if self._aborted is not None and monotonic() >= self.next_look and self._aborted():
            raise ChunkingAborted("the chunking was aborted")

    def reason(self) -> ChunkingError:
        if monotonic() >= self._deadline:
            return ParseTimeout(f"parsing took more than {self._limit:g} s")
        return ChunkingAborted("the chunking was aborted")


def parse(source: bytes, grammar: str, watch: Watch, *, within: tuple[Point, Point, int, int] | None = None) -> Tree:
    """The syntax tree of `source`, which is UTF-8; errors in it become ERROR nodes of the tree.

    `within` (first point, last point, first byte, last byte) limits parsing to a part of it; the
    nodes keep their places in the whole.
    """
    parser = _parsers.of(grammar)
    reader = _parsers.source
    reader.load(source)
    stopped = False

    def progress(_offset: int, _has_error: bool) -> bool:
        nonlocal stopped
        if monotonic() < watch.next_look:
            return False
        stopped = watch.expired()
        return stopped

    if within is not None:
        parser.included_ranges = [Range(*within)]
    try:
        return parser.parse(reader.read, progress_callback=progress)
    except ValueError:
        # What tree-sitter raises when the progress callback told it to stop.
        parser.reset()
        if stopped:
            raise watch.reason() from None
        raise
    finally:
        reader.load(b"")
        if within is not None:
            del parser.included_ranges
