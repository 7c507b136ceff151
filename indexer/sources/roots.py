"""The folder at the top of a tree: named by a person, so what is wrong with it is an error."""

import os
import stat
from pathlib import Path

from indexer.sources.skips import system_message


class RootUnavailable(Exception):
    """The root folder of a tree is missing, is no folder, can't be read, or was replaced."""


def root_identity(root: Path) -> tuple[int, int]:
    """Return device and inode of the root; raises RootUnavailable where it can't be used."""
    try:
        status = os.stat(root)
    except FileNotFoundError:
        raise RootUnavailable(f"{root} does not exist") from None
    except OSError as error:
        raise RootUnavailable(f"{root} cannot be reached: {system_message(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise RootUnavailable(f"{root} is not a folder")
    effective = os.access in os.supports_effective_ids
    if not os.access(root, os.R_OK | os.X_OK, effective_ids=effective):
        raise RootUnavailable(f"{root} cannot be read: permission denied")
    return status.st_dev, status.st_ino
