"""Permission tests that mean something when the tests run as root, whom no permission stops."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def tree_of_a_plain_user() -> Iterator[Path]:
    """Make a temporary folder and act, inside the block, as a user whom permissions bind.

    Not pytest's `tmp_path`: its parents are closed to every user but the one that runs the tests.
    """
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() != 0:
            yield Path(folder)
            return
        os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)
