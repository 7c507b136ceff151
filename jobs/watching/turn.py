"""One watcher per folder: whoever holds an advisory lock of the database watches, and the others wait for its end."""

import hashlib
import platform
from functools import cache
from pathlib import Path

from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.sessions import holds_session

LOCK_CLASS = 0x70676477
""" "pgdw" in ASCII: the first key of the locks, as pgdex.worker_lock_class() is for those of workers."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TAKE = "select pg_catalog.pg_try_advisory_lock(%s, %s)"


def take_turn(connection: Connection, *, project: str, root: str) -> bool | None:
    """Take the lock, which stays with the session of `connection`; False where another session has it. None: a pooler
    lies between, behind which no session keeps a lock. A lock that this session has already is not to be taken again.
    """
    if not holds_session(connection):
        return None
    row = connection.execute(
        TAKE, [LOCK_CLASS, lock_key(project=project, root=root, machine=this_machine())]
    ).fetchone()
    return bool(row and row[0])


def lock_key(*, project: str, root: str, machine: str) -> int:
    """The second key: a folder of one project on one machine, as a signed number of 32 bits."""
    text = "\0".join((project, root, machine)).encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big", signed=True)


@cache
def this_machine() -> str:
    """What tells this machine from others whose folders have the same paths. Two that were cloned have the same name,
    and containers of one machine the same boot: together they differ."""
    try:
        boot = BOOT_ID.read_text().strip()
    except OSError:
        boot = ""
    return f"{platform.node()} {boot}"
