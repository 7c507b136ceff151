"""Forks a process for each `pgdex` command from one that has made the imports, which are most of a command's second.

python -m tests.contract.command_server SOCKET (ends with its stdin)
"""

import importlib
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from socketserver import ForkingMixIn, StreamRequestHandler, UnixStreamServer
from typing import Any, NoReturn

from pgdex.jobs.cli.entry import main
from pgdex.jobs.cli.root import SECTIONS

LIBRARIES = (
    "httpx2",
    "rich.live",
    "rich.table",
    "rich.text",
    "pgdex.indexer.search",
    "pgdex.jobs.embedders",
    "pgdex.jobs.worker.launcher",
)


class Commands(StreamRequestHandler):
    """One connection: a command with its folder, its environment and the files for its output; the answer is its exit
    code."""

    def handle(self) -> None:
        """Fork, wait, answer."""
        request = json.loads(self.rfile.readline())
        child = os.fork()
        if child == 0:
            run(request)
        _, status = os.waitpid(child, 0)
        self.wfile.write(b"%d\n" % os.waitstatus_to_exitcode(status))


class Server(ForkingMixIn, UnixStreamServer):
    """Any number of commands at once."""

    max_children = 100
    request_queue_size = 100


def run(request: dict[str, Any]) -> NoReturn:
    """Become the command: a process with this environment, these files as output and no input, that then ends."""
    code = 70
    try:
        for number, path in enumerate((os.devnull, request["out"], request["err"])):
            file = os.open(path, os.O_RDWR)
            os.dup2(file, number)
            os.close(file)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        code = main(request["arguments"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def end_with_stdin() -> None:
    """Whoever started this process has ended, or wants it to end."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    commands = [lazy.target.partition(":")[0] for section in SECTIONS.values() for lazy in section.values()]
    for module in (*commands, *LIBRARIES):
        importlib.import_module(module)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    socket = Path(sys.argv[1])
    with Server(f"{socket}.new", Commands) as server:
        Path(f"{socket}.new").rename(socket)
        server.serve_forever()
