"""Commands as users run them: processes on the test's database, without a terminal."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.logins import PATIENCE_SECONDS, PGDEX

Environment = dict[str, str]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed with --json."""
        return json.loads(self.out)


Run = Callable[..., Finished]


def pgdex(*arguments: str) -> list[str]:
    """The command line that starts the command."""
    return [*PGDEX, *arguments]


@contextmanager
def started(environment: Environment, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on while the test does something."""
    process = subprocess.Popen(
        pgdex(*arguments),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen[str]) -> Finished:
    """Wait for its end."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Finished(process.returncode, out, err)
