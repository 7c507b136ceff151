"""Where the things of an embedded server lie below PGDEX_HOME."""

from pathlib import Path
from typing import NamedTuple

SOCKET_FOLDER_PREFIX = "pgdex-"  # of the name of a socket's folder that is not in the home


class HomePaths(NamedTuple):
    """The files and folders of one home. Its locks are flock'ed files: what counts is who holds them, not their text.

    `users`: shared, by every process that uses the server; who holds it alone may stop the server.
    `start`: by the one process that looks for the server and starts it.
    `server`: by the server's own processes, all of them, for as long as one lives; by initdb too.
    `keeper`: by the process that stops the server after its last user.
    """

    home: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "data"

    @property
    def unfinished_data(self) -> Path:
        """The data folder while initdb makes it; renamed when it is complete."""
        return self.home / "data.unfinished"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "server.log"

    @property
    def own_socket_folder(self) -> Path:
        """The socket's folder, where its path is short enough."""
        return self.home / "run"

    @property
    def users(self) -> Path:
        """Lock of the server's users; its text is `LINGER_SECONDS NUMBER`, written by each new one."""
        return self.home / "users.lock"

    @property
    def start(self) -> Path:
        """Lock of who starts the server."""
        return self.home / "start.lock"

    @property
    def server(self) -> Path:
        """Lock of the server's own processes."""
        return self.home / "server.lock"

    @property
    def keeper(self) -> Path:
        """Lock of the keeper."""
        return self.home / "keeper.lock"
