"""Asking a server over its socket whether it is there: the only proof that counts.

Spoken by hand and not through libpq, whose variables (PGSERVICE, PGSSLMODE, …) are meant for other servers, and which
does not tell a server that recovers from one that is gone. What is sent is a login and a goodbye, so the server logs
nothing.
"""

import enum
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROTOCOL = 196_608  # 3.0
CANNOT_CONNECT_NOW = "57P03"
PATIENCE_SECONDS = 5.0
SOCKET_NAME = ".s.PGSQL.5432"
GOODBYE = b"X\0\0\0\4"
CLIENTS = "select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend'"


class State(enum.Enum):
    """What a server is found to be."""

    READY = "ready"
    BUSY = "busy"  # it says that it starts, recovers or shuts down
    SILENT = "silent"  # something listens, and says nothing within PATIENCE_SECONDS
    ABSENT = "absent"


class Answer(NamedTuple):
    """`message` is the server's own, where it gave one."""

    state: State
    message: str = ""


class _Refused(Exception):
    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def ask(folder: Path) -> Answer:
    """Log in to the server whose socket is in `folder`, and leave again."""
    try:
        with _connected(folder) as connection:
            _log_in(connection)
            with suppress(OSError):  # it has answered; whether it hears this is all the same
                connection.sendall(GOODBYE)
    except _Refused as error:
        # Any other refusal (too many clients, say) is one by a server that serves.
        return Answer(State.BUSY if error.sqlstate == CANNOT_CONNECT_NOW else State.READY, str(error))
    except (TimeoutError, BlockingIOError):  # the latter: more callers than its queue takes
        return Answer(State.SILENT)
    except (ConnectionResetError, BrokenPipeError, EOFError):
        return Answer(State.BUSY, "the server closed the connection")
    except OSError:  # nobody listens there, or the path is none
        return Answer(State.ABSENT)
    return Answer(State.READY)


def listener(folder: Path) -> int | None:
    """The process that listens on the socket in `folder`, as the kernel has it; None where there is none, it belongs to
    another container, or the system does not say."""
    if sys.platform != "linux":
        return None
    try:
        with _connected(folder) as connection:
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return None
    pid: int = struct.unpack("3i", credentials)[0]
    return pid or None


def clients(folder: Path) -> int:
    """How many clients are connected, beside the one that asks; 1 where the server can't be asked, to be safe."""
    try:
        with _connected(folder) as connection:
            _log_in(connection)
            query = CLIENTS.encode() + b"\0"
            connection.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
            kind, row = b"", b""
            while kind != b"Z":
                kind, body = _message(connection)
                row = body if kind == b"D" else row
            connection.sendall(GOODBYE)
            return int(row[6:]) - 1  # one column: how many there are (2 bytes), its length (4), its text
    except (OSError, EOFError, ValueError, _Refused):
        pass
    return 1


def _connected(folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(folder / SOCKET_NAME))
    except BaseException:
        connection.close()
        raise
    return connection


def _log_in(connection: socket.socket) -> None:
    """As `postgres`, until the server waits for a query; then a goodbye follows, or a query."""
    parameters = b"user\0postgres\0database\0postgres\0application_name\0pgdex start\0\0"
    connection.sendall(struct.pack("!ii", len(parameters) + 8, PROTOCOL) + parameters)
    while True:
        kind, body = _message(connection)
        if kind == b"E":
            fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
            raise _Refused(fields.get(b"C", ""), fields.get(b"M", ""))
        if kind == b"Z" or (kind == b"R" and body[:4] != b"\0\0\0\0"):  # the latter: it wants a password
            return


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(connection, 5)
    return head[:1], _exactly(connection, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return received
