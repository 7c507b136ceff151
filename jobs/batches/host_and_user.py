"""On which machine this worker runs and as whom: whether a folder is there, and may be read, depends on both."""

import os
import socket


def host_and_user() -> str:
    """ "on build-3 as indexer"; the user's number where it has no name."""
    return f"on {socket.gethostname()} as {_user()}"


def _user() -> str:
    import pwd

    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # in a container, often
        return f"user {number}"
