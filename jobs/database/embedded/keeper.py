"""The keeper: one small process for each home, which stops the server when it had no user for a while.

It runs without site-packages, so it imports little. Killed, it is missed by nobody: the next user starts another.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pgdex.jobs.database.embedded.answers import SOCKET_NAME, clients, listener
from pgdex.jobs.database.embedded.locks import is_in_place, open_lock, release, try_lock
from pgdex.jobs.database.embedded.paths import SOCKET_FOLDER_PREFIX, HomePaths
from pgdex.jobs.database.embedded.postmaster import end, postmaster, read_pid_file
from pgdex.jobs.database.embedded.server_log import keep_short

DEFAULT_LINGER_SECONDS = 300.0
LONGEST_LOOK_SECONDS = 2.0
SHORTEST_LOOK_SECONDS = 0.1
NO_SERVER_LOOK_SECONDS = 0.3  # it is being started: the keeper comes first
STOP_SECONDS = 120.0  # a shutdown writes everything out


class Server(NamedTuple):
    """The running server: its first process by number and, on Linux, by a handle that never means another process."""

    pid: int
    handle: int | None
    folder: Path


class Keeper:
    """Watches one home until its server has ended."""

    def __init__(self, paths: HomePaths) -> None:
        self._paths = paths
        self._own = open_lock(paths.keeper)
        self._users = open_lock(paths.users)
        self._server: Server | None = None
        self._folder: Path | None = None  # of the last server's socket
        self._seen = b""
        self._linger = DEFAULT_LINGER_SECONDS
        self._busy_at = time.monotonic()

    def run(self) -> None:
        """Return when the server is stopped or gone, and nobody uses it."""
        if not try_lock(self._own):
            return  # there is a keeper
        while True:
            # Before the server is looked for: in a home that was removed and made again, it would be somebody else's.
            if not is_in_place(self._users, self._paths.users):
                self._end_for_nothing()
                return
            self._follow()
            keep_short(self._paths.log)
            if self._is_over():
                return
            self._sleep()

    def _is_over(self) -> bool:
        """Look for users; when there was none for the time that the last one gave, stop the server. True at the end.

        It ends with the lock `users` held: who comes now finds no keeper, and starts one.
        """
        if not try_lock(self._users):
            self._busy_at = time.monotonic()
            return False
        self._note_the_last_user()
        gone = self._server is None
        if not gone and time.monotonic() - self._busy_at >= self._linger:
            gone = self._stop()
        if gone:
            self._remove_folder()
            os.close(self._own)
            return True
        release(self._users)
        return False

    def _note_the_last_user(self) -> None:
        """One may have come and gone between two looks."""
        text = os.pread(self._users, 100, 0)
        if text != self._seen:
            self._seen = text
            self._busy_at = time.monotonic()
            with suppress(ValueError, IndexError):
                self._linger = float(text.split()[0])

    def _stop(self) -> bool:
        """Stop the server in good order; false where someone is connected without being a user (psql), or it can't
        be done."""
        assert self._server is not None
        if clients(self._server.folder):
            self._busy_at = time.monotonic()
            return False
        if self._server.handle is not None and sys.platform == "linux":
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._server.handle, signal.SIGINT)
            ended = bool(select.select([self._server.handle], [], [], STOP_SECONDS)[0])
        else:
            process = postmaster(self._paths.data)
            ended = process is None or end(process, mode="fast", seconds=STOP_SECONDS)
        if not ended:
            self._busy_at = time.monotonic()
        return ended

    def _end_for_nothing(self) -> None:
        """The home was removed: its server holds disk space for nobody. PostgreSQL notices it too, in a minute.

        Where the home was only moved, its next user starts a keeper that knows the way.
        """
        if os.fstat(self._users).st_nlink:
            return
        if self._server is not None and self._server.handle is not None and sys.platform == "linux":
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._server.handle, signal.SIGQUIT)
            select.select([self._server.handle], [], [], STOP_SECONDS)
        if not self._paths.home.exists():  # where it was made again, another server may listen in that folder by now
            self._remove_folder()

    def _remove_folder(self) -> None:
        """Of the socket, where it is not in the home, and nobody listens there."""
        folder = self._folder
        if (
            folder is None
            or folder == self._paths.own_socket_folder
            or not folder.name.startswith(SOCKET_FOLDER_PREFIX)
        ):
            return
        if listener(folder) is None:
            with suppress(OSError):
                for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
                    (folder / name).unlink(missing_ok=True)
                folder.rmdir()

    def _follow(self) -> None:
        """Find the server again: after a crash another one runs, or none."""
        server = self._server
        if server is not None and server.handle is not None:
            if not select.select([server.handle], [], [], 0)[0]:
                return
            os.close(server.handle)
        self._server = find(self._paths)
        if self._server is not None:
            self._folder = self._server.folder

    def _sleep(self) -> None:
        look = min(LONGEST_LOOK_SECONDS, max(SHORTEST_LOOK_SECONDS, self._linger / 10))
        if self._server is None:
            look = min(look, NO_SERVER_LOOK_SECONDS)
        if self._server is not None and self._server.handle is not None:
            select.select([self._server.handle], [], [], look)  # wakes up when it ends
        if self._server is None or self._server.handle is None:
            time.sleep(look)


def find(paths: HomePaths) -> Server | None:
    """The server that runs, verified: the kernel says that it listens on the socket of this home, or psutil that it
    works in its data folder."""
    noted = read_pid_file(paths.data)
    if noted is None or noted.socket_folder is None:
        return None
    for folder in (noted.socket_folder, paths.own_socket_folder):  # the latter: the home was moved since it started
        if sys.platform == "linux" and listener(folder) == noted.pid:
            with suppress(OSError):  # a kernel before 5.3
                handle = os.pidfd_open(noted.pid)
                if listener(folder) == noted.pid:  # so the handle means that process, and not a later one
                    return Server(noted.pid, handle, folder)
                os.close(handle)
    if postmaster(paths.data) is None:
        return None
    moved = not (noted.socket_folder / SOCKET_NAME).exists()
    return Server(noted.pid, None, paths.own_socket_folder if moved else noted.socket_folder)


def main(home: str) -> None:
    """Keep the server of this home."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Keeper(HomePaths(Path(home))).run()
