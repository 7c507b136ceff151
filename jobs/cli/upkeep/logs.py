"""The logs in PGDEX_HOME as entries: the JSON lines of workers, and the lines of the embedded server."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pgdex.jobs.errors import PgdexError

Source = Literal["workers", "server"]
NAMES: dict[Source, str] = {"workers": "worker.log", "server": "server.log"}
BLOCK_BYTES = 1 << 16
LARGEST_LINE_BYTES = 1 << 20  # of a line that is still being written; a longer one is shown in parts
# PostgreSQL's own prefix (log_line_prefix = '%m [%p] '), as the embedded server has it.
SERVER_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (\S+) \[(\d+)\] ([A-Z0-9]+): +(.*)", re.DOTALL)
LEVELS = {"LOG": "info", "WARNING": "warning", "ERROR": "error", "FATAL": "error", "PANIC": "error"}
NOT_YET = ("the database system is starting up", "the database system is shutting down")
ADDITIONS = ("DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION")
# procrastinate says so on its own, before a worker logs: with several workers, in the middle of another one's entries.
ANNOUNCED = "Launching a worker on "
KNOWN = ("time", "level", "logger", "message", "error")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `time` is None where its line has none, as a traceback that nobody logged."""

    source: Source
    time: datetime | None
    level: str
    message: str
    fields: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The entry as a JSON object; what a worker logged beside its message keeps its keys."""
        time = self.time.astimezone(UTC).isoformat(timespec="milliseconds") if self.time is not None else None
        return {**self.fields, "source": self.source, "time": time, "level": self.level, "message": self.message}


def last_entries(home: Path, sources: tuple[Source, ...], *, number: int) -> list[Entry]:
    """The last `number` entries of the logs together, oldest first; rotated files count. Raises PgdexError."""
    found: list[tuple[datetime, Entry]] = []
    for source in sources:
        before = datetime.min.replace(tzinfo=UTC)
        for entry in _parsed(source, _last_lines(home / NAMES[source], number)):
            before = entry.time or before  # what has no time belongs to the entry above
            found.append((before, entry))
    found.sort(key=lambda pair: pair[0])
    return [entry for _, entry in found[-number:]] if number else []


class Follower:
    """What is added to one log from now on, through rotations: `worker.log` is moved aside, `server.log` emptied."""

    def __init__(self, home: Path, source: Source) -> None:
        self._path = home / NAMES[source]
        self._source: Source = source
        self._file = _opened(self._path)
        self._rest = b""
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)

    def new_entries(self) -> list[Entry]:
        """Those since the last call. Raises PgdexError where the log can't be read."""
        data = self._rest
        if self._file is not None:
            data += _added(self._file)
        if self._file is None or not _is_at(self._file, self._path):
            newer = _opened(self._path)
            if newer is not None:
                if self._file is not None:
                    self._file.close()
                self._file = newer
                data += _added(newer)
        complete, _, self._rest = data.rpartition(b"\n")
        if len(self._rest) > LARGEST_LINE_BYTES:
            complete, self._rest = data, b""
        return list(_parsed(self._source, complete.splitlines())) if complete else []


def _added(file: BinaryIO) -> bytes:
    if os.fstat(file.fileno()).st_size < file.tell():  # it was emptied
        file.seek(0)
    return file.read()


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        there, mine = path.stat(), os.fstat(file.fileno())
    except OSError:
        return True  # it is being moved, or the whole home is gone
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PgdexError(
            f"{path} can't be read: {error.strerror}. Only the user whose workers wrote it may read it"
        ) from None


def _last_lines(path: Path, number: int) -> list[bytes]:
    """At least the last `number` lines of the log and its rotated files, as far as they are there; oldest first."""
    lines: list[bytes] = []
    for file in (path, *(path.with_name(f"{path.name}.{old}") for old in range(1, 4))):
        if len(lines) >= number:
            break
        opened = _opened(file)
        if opened is not None:
            with opened:
                lines = _tail(opened, number - len(lines)) + lines
    return lines


def _tail(file: BinaryIO, number: int) -> list[bytes]:
    position = file.seek(0, os.SEEK_END)
    data = b""
    while position and data.count(b"\n") <= number:
        begin = max(0, position - BLOCK_BYTES)
        file.seek(begin)
        data = file.read(position - begin) + data
        position = begin
    lines = data.splitlines()
    return lines[1:] if position else lines  # the first may be half a line


def _parsed(source: Source, lines: list[bytes]) -> Iterator[Entry]:
    """Entries, with the lines that continue one (a traceback, a statement of several lines) in it."""
    held: Entry | None = None
    for raw in lines:
        line = raw.decode("utf-8", "backslashreplace").rstrip("\r")
        entry = _worker_entry(line) if source == "workers" else _server_entry(line)
        if entry is None:
            if not line.strip() or line.startswith(ANNOUNCED):
                continue
            if held is not None:
                held = Entry(source, held.time, held.level, f"{held.message}\n{_without_prefix(line)}", held.fields)
                continue
            entry = Entry(source, None, "info", line)
        if held is not None:
            yield held
        held = entry
    if held is not None:
        yield held


def _without_prefix(line: str) -> str:
    found = SERVER_LINE.fullmatch(line)
    return f"{found[4]}: {found[5]}" if found is not None else line.strip("\t")


def _worker_entry(line: str) -> Entry | None:
    with suppress(ValueError, TypeError, KeyError):
        document = json.loads(line)
        if isinstance(document, dict):
            fields = {name: value for name, value in document.items() if name not in KNOWN}
            message = str(document["message"])
            if document.get("error"):
                message += f"\n{document['error']}"
            time = datetime.fromisoformat(document["time"])
            return Entry("workers", time.astimezone(UTC), str(document.get("level", "info")), message, fields)
    return None


def _server_entry(line: str) -> Entry | None:
    """An entry; None for a line that adds to the one above (DETAIL, STATEMENT, the second line of a statement)."""
    found = SERVER_LINE.fullmatch(line)
    if found is None or found[4] in ADDITIONS:
        return None
    time, zone, pid, level, message = found.groups()
    try:
        # The server runs in this machine's time zone, whatever it is called.
        naive = datetime.fromisoformat(time)
        stamp = naive.replace(tzinfo=UTC) if zone in ("UTC", "GMT") else naive.astimezone()
    except (ValueError, OSError, OverflowError):
        return None
    shown = message if level in LEVELS else f"{level}: {message}"
    # What commands are answered that wait for a start, which is nothing to be mended.
    severity = "info" if message in NOT_YET else LEVELS.get(level, "info")
    return Entry("server", stamp.astimezone(UTC), severity, shown, {"pid": int(pid)})
