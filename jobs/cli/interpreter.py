"""The interpreter as pgdex needs it, whatever the locale and the variables of other software say."""

import os
import sys


def restart_if_needed() -> None:
    """Start this command again in an interpreter that works; does not return then.

    File names are UTF-8 in the index, but Python decodes them as the locale says: in one of another encoding, other
    names would be stored, or none found. With PYTHONOPTIMIZE=2 there are no docstrings, which are the texts of --help
    and what agents read of each tool.
    """
    wanted: dict[str, str] = {}
    # Each is asked for once: the interpreter may have been told to ignore variables.
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        wanted["PYTHONUTF8"] = "1"
        if sys.stdout is not None and "PYTHONIOENCODING" not in os.environ:
            wanted["PYTHONIOENCODING"] = sys.stdout.encoding  # what is printed stays in the locale's encoding
    if sys.flags.optimize > 1 and os.environ.get("PYTHONOPTIMIZE", "1") != "1":
        wanted["PYTHONOPTIMIZE"] = "1"
    if wanted and sys.executable:
        os.execve(sys.executable, sys.orig_argv, os.environ | wanted)  # noqa: S606  # as it was started
