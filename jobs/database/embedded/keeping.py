"""Seeing to it that a keeper runs: the small process that stops the server some time after its last user."""

import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

from pgdex.jobs.database.embedded.accounts import INHERITED
from pgdex.jobs.database.embedded.locks import open_lock, try_lock
from pgdex.jobs.database.embedded.place import Place

# Without site-packages, whose start-up files take longer than all that it does: 13 MB and 20 ms of a processor.
PROGRAM = (
    "import sys; sys.path[:0] = sys.argv[2:]; from pgdex.jobs.database.embedded.keeper import main; main(sys.argv[1])"
)


def ensure_keeper(place: Place) -> None:
    """Start a keeper where none holds its lock. Call it as a user: a keeper ends only while there are none, so one that
    holds its lock now stays. Of two that are started at once, one ends at once."""
    lock = open_lock(place.keeper)
    try:
        if not try_lock(lock):
            return
    finally:
        os.close(lock)
    psutil = importlib.util.find_spec("psutil")
    libraries = [str(Path(psutil.origin).parents[1])] if psutil is not None and psutil.origin else []
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(place.home), str(Path(__file__).parents[4]), *libraries],
        env={name: value for name, value in os.environ.items() if name in INHERITED},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=keeper.wait, name="pgdex-keeper-end", daemon=True).start()
