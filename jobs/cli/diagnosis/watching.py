"""Check of watching: does the system report changes in the present folder, and may so many folders be watched?"""

import os
import time
from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, ok, warning
from pgdex.jobs.cli.render.text import count, printable

if TYPE_CHECKING:
    from pgdex.jobs.settings import Settings

COUNTING_SECONDS = 1.0
"""Of the folders; where it takes longer, "at least" is said."""
ROOM = 2
"""Editors watch the same folders, out of the same limit."""


def watching_check(settings: "Settings", root: str) -> Check:
    """Whether `pgdex watch` would be told of changes in `root`, a real path, or would have to look for them."""
    from pathlib import Path

    from pgdex.indexer.sources import CachedRules
    from pgdex.jobs.watching.events import EACH_FOLDER
    from pgdex.jobs.watching.file_systems import kind_of, most_watches, unreported_mount

    mount = unreported_mount(root)
    if mount is not None:
        return warning(
            "watching",
            f"changes in {printable(root)} are not reported: {printable(mount.point)} is {mount.kind}",
            f"A watcher checks the folder every {settings.watch_poll_seconds:g} s instead "
            "(PGDEX_WATCH_POLL_SECONDS). Run it on the machine that has the disk, if possible.",
        )
    most = most_watches() if EACH_FOLDER else None
    where = f"{printable(root)}{f' ({kind})' if (kind := kind_of(root)) else ''}"
    if most is None:
        return ok("watching", f"changes in {where} are reported")
    until = time.monotonic() + COUNTING_SECONDS
    folders, is_all = 0, True
    for _ in CachedRules(Path(root), max_file_bytes=settings.max_file_bytes).entered():
        folders += 1
        if time.monotonic() > until:
            is_all = False
            break
    finding = (
        f"{'' if is_all else 'at least '}{count(folders, 'folder')} of {where}, and {most:,} may be watched "
        "(fs.inotify.max_user_watches)"
    )
    if folders * ROOM <= most:
        return ok("watching", finding)
    wanted = 1 << (folders * ROOM * 2).bit_length()
    return warning(
        "watching",
        finding,
        f"Raise the limit: sudo sysctl fs.inotify.max_user_watches={max(wanted, 524_288)}, and the same line in "
        "/etc/sysctl.d/ to keep it. Until then a watcher may have to check the folder every "
        f"{settings.watch_poll_seconds:g} s (PGDEX_WATCH_POLL_SECONDS).",
    )


def present_root() -> str | None:
    """Where the user stands, as a real path: or the top of the git repository around it. None where it was removed."""
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:
        return None
    folder = here
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return here
        folder = above
    return folder
