"""What to tell a user when the server does not start."""

from pgdex.jobs.database.embedded.paths import HomePaths

NO_SPACE = "No space left on device"
SHARED_MEMORY = "shared memory segment"


class DoesNotStart(Exception):
    """A program of PostgreSQL failed; the message says why, in its words."""


def explained(paths: HomePaths, reason: str) -> str:
    """The whole message."""
    if NO_SPACE in reason and SHARED_MEMORY in reason:
        return (
            f"the embedded PostgreSQL under {paths.home} can't start: /dev/shm, which it needs for shared memory, is "
            "full or too small. Free some of it, or give the container more (docker run --shm-size=256m)"
        )
    if NO_SPACE in reason:
        return (
            f"the embedded PostgreSQL under {paths.home} can't start, because the disk is full. Free some space: "
            "what was indexed is still there, and jobs resume automatically"
        )
    return (
        f"the embedded PostgreSQL under {paths.home} does not start: {reason}. Its log is {paths.log}; PGDEX_HOME "
        "chooses another folder, PGDEX_DATABASE_URL another server"
    )
