"""PGDEX_HOME: the folder of the embedded server and of logs."""

import os
from pathlib import Path

from pgdex.jobs.errors import DatabaseUnavailable


def make_home(home: Path) -> None:
    """Make the folder where it is not there yet, closed to other users. Raises DatabaseUnavailable."""
    try:
        if any(not character.isprintable() for character in str(home) if character < "\x80"):
            raise OSError(0, "its name holds a control character")  # a file of PostgreSQL's has a path on one line
        # Root's server runs as another user, who has to get through.
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"the folder {str(home)!r} for pgdex's data can't be used: {error.strerror or error}. Set PGDEX_HOME to a "
            "folder that this user can write to"
        ) from error
