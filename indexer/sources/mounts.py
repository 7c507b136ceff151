"""Which folders of a tree are mount points: when a disk goes away, an empty folder stays behind in its place."""

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")


def mount_points(root: bytes) -> frozenset[bytes] | None:
    """The mount points at and below `root` (a real path), relative to it, the root itself being the empty path.

    Read from the kernel's list, because a bind mount has the device number of the folder around it. None where the
    system has no such list: then a folder's device number, other than that of the folder around it, tells.
    """
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return None
    above = os.path.join(root, b"")
    found = set()
    for line in lines:
        fields = line.split(b" ", 5)
        if len(fields) < 6:
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8) & 255]), fields[4])
        if point == root:
            found.add(b"")
        elif point.startswith(above):
            found.add(point[len(above) :])
    return frozenset(found)
