"""Where the HTTP server listens: a host and a port, or a Unix socket that its owner alone can connect to."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pgdex.jobs.errors import InvalidRequest

UNIX = "unix:"
LONGEST_SOCKET_PATH = 103
"""Bytes that every system takes: macOS has room for 104 with the NUL, Linux for 108."""

NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address."""

    host: str
    port: int

    def shown(self, path: str) -> str:
        """The URL of `path` there."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{path}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a Unix socket."""

    socket: Path

    def shown(self, path: str) -> str:
        """The socket, and `path` behind it."""
        return f"http://localhost{path} on the Unix socket {self.socket}"


def parsed_address(address: str) -> Address | UnixAddress:
    """What "127.0.0.1:8765", "[::1]:8765", "localhost:8765" or "unix:/run/me/pgdex.sock" means.

    Raises InvalidRequest.
    """
    if address.startswith(UNIX):
        return _unix_address(address.removeprefix(UNIX))
    host, _, port = address.rpartition(":")
    is_number = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""  # where would such an address end?
    if not host or not is_number:
        raise InvalidRequest(
            f"--http takes HOST:PORT such as 127.0.0.1:8765 or [::1]:8765, or unix:PATH, got {address!r}"
        )
    return Address(host, int(port))


@contextmanager
def bound_sockets(where: Address | UnixAddress, *, backlog: int) -> Iterator[list[socket.socket]]:
    """What listens at `where`; a Unix socket's file goes at the end. Raises InvalidRequest where that can't be."""
    if isinstance(where, UnixAddress):
        listener = _bound_unix(where.socket, backlog=backlog)
        identity = _identity(where.socket)
        try:
            yield [listener]
        finally:
            listener.close()
            if identity is not None and _identity(where.socket) == identity:
                where.socket.unlink(missing_ok=True)
        return
    with ExitStack() as opened:
        try:
            listeners = [opened.enter_context(one) for one in _bound_tcp(where, backlog=backlog)]
        except OSError as error:
            raise InvalidRequest(f"can't listen at {where.host}:{where.port}: {error.strerror or error}") from None
        yield listeners


def _bound_tcp(where: Address, *, backlog: int) -> Iterator[socket.socket]:
    """One for each address of the name: `localhost` has two."""
    found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = {(family, address) for family, _, _, _, address in found}
    missing: OSError | None = None
    count = 0
    for family, address in sorted(addresses, key=str):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name != "nt":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(backlog)
        except OSError as error:
            listener.close()
            if error.errno not in NOT_HERE:
                raise
            missing = error  # a machine without IPv6 has the name all the same
            continue
        count += 1
        yield listener
    if not count and missing is not None:
        raise missing


def _unix_address(text: str) -> UnixAddress:
    path = Path(text).expanduser()
    if os.name == "nt":
        raise InvalidRequest("Unix sockets are not for Windows: use --http 127.0.0.1:8765")
    if not text or not path.is_absolute() or "\0" in text:
        raise InvalidRequest(
            f"--http unix:PATH takes an absolute path such as unix:/run/user/1000/pgdex.sock, got {text!r}"
        )
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise InvalidRequest(f"the path of a Unix socket has at most {LONGEST_SOCKET_PATH} bytes: {path} is too long")
    return UnixAddress(path)


def _bound_unix(path: Path, *, backlog: int) -> socket.socket:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(path.parent)
        _remove_dead(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)  # no moment at which others could connect
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        path.chmod(0o600)
        listener.listen(backlog)
    except OSError as error:
        raise InvalidRequest(f"can't listen at the Unix socket {path}: {error.strerror or error}") from None
    return listener


def _check_folder(folder: Path) -> None:
    """Who can write the folder could put a socket of theirs in this one's place, and clients would talk to it."""
    found = folder.stat()
    is_open = found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
    if is_open or found.st_uid not in (0, os.geteuid()):
        raise InvalidRequest(
            f"the folder {folder} can be written by other users: choose one of your own for the socket (mode 0700)"
        )


def _remove_dead(path: Path) -> None:
    """Remove the socket of a server that has ended without doing so."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise InvalidRequest(f"{path} is there and is no socket: choose another path, or remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        with suppress(ConnectionRefusedError):
            probe.connect(str(path))
            raise InvalidRequest(f"a server listens at the Unix socket {path} already")
    path.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
