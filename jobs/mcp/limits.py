"""What one connection may take: time to send its request, and a slot as long as there are any.

uvicorn has no limit on the time that a request's headers take, and refuses new connections where there are too many. A
few hundred that never finish their headers, for which nobody needs a token, would shut everyone out.
"""

import asyncio
import os
import socket
import struct
import sys
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 500
HEADER_SECONDS = 10.0
"""From the first byte (of a new connection: from its opening) to the end of the headers."""
BODY_SECONDS = 30.0
"""From the end of the headers to the end of the body, which has 1 MiB at most."""
BACKLOG = 64
"""asyncio takes as many connections at once from the system, before it looks whether there is room for them."""
WANTED_FILES = 4096
OWN_FILES = 100 + 3 * BACKLOG
"""Descriptors for the database, the logs, and connections that were taken and not yet counted."""
UNFINISHED = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nContent-Length: 47\r\nConnection: close\r\n\r\n"
    b'{"error": "the request was not sent in time"}\r\n'
)


def slots() -> int:
    """How many connections this process can serve, by the files that it may have open."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):
            pass  # some systems have a lower limit of their own: then with what there is
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(20, min(MOST_CONNECTIONS, soft - OWN_FILES))


class BoundedProtocol(H11Protocol):
    """A connection that is closed when its request does not come, and gives way to a newer one while it waits."""

    most: ClassVar[int] = MOST_CONNECTIONS
    waiting: ClassVar[dict["BoundedProtocol", None]] = {}
    """Those that have no request under way, the oldest first: they are closed where a new one needs their place."""
    _timer: asyncio.TimerHandle | None = None
    _stage: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a slot."""
        super().connection_made(transport)
        if not is_ours(transport):
            transport.abort()
            return
        self._enter("headers")
        if len(self.connections) > self.most:
            oldest = next(iter(self.waiting))
            oldest._leave()
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand the data on, and see which part of the request is still missing."""
        if self._stage == "idle":
            self._enter("headers")
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """The connection waits for its next request; uvicorn closes it some seconds later."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the slot back."""
        self._leave()
        super().connection_lost(exc)

    def _look(self) -> None:
        if self.transport.is_closing():
            self._leave()
        elif self.conn.their_state is h11.SEND_BODY:
            self._enter("body")
        elif self.conn.their_state is not h11.IDLE:
            self._leave()
        elif self._stage != "headers":
            self._enter("idle")

    def _enter(self, stage: str) -> None:
        if stage == self._stage:
            return
        self._leave()
        self._stage = stage
        if stage != "body":
            self.waiting[self] = None
        if stage != "idle":
            seconds = HEADER_SECONDS if stage == "headers" else BODY_SECONDS
            self._timer = self.loop.call_later(seconds, self._give_up)

    def _leave(self) -> None:
        self._stage = None
        self.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        has_answer = self.cycle is not None and self.cycle.response_started
        stage = self._stage
        self._leave()
        if stage == "headers" or not has_answer:
            self.transport.write(UNFINISHED)
            self.transport.close()
        else:
            self.transport.abort()


def is_ours(transport: asyncio.BaseTransport) -> bool:
    """Whether the other end of a Unix socket is a process of this user, or root's; true for what is no Unix socket.

    The permissions of the socket's file say so too, but not those of one that was made before by someone else.
    """
    connection: Any = transport.get_extra_info("socket")
    if connection is None or sys.platform != "linux" or connection.family != socket.AF_UNIX:
        return True
    _, user, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return user in (0, os.geteuid())
