"""Does the wheel work where there is no checkout? `python tests/wheel_smoke.py dist/pgdex-*.whl`

Installs it with the locked dependencies into a new virtual environment outside the checkout, and does there what a
user would do first: version, schema on the embedded server, a worker by procrastinate's own command, index, search.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

CHECKOUT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 30.0
SOURCES = {
    "delays.py": b'def next_delay(attempt):\n    """Exponential backoff."""\n    return 0.1 * 2**attempt\n',
    "docs/guide.md": b"# Guide\n\nHow to brew coffee while the index is built.\n",
    "logo.bin": bytes(range(256)),
}

# Each parses something: a library of another system, or of another tree-sitter, would be noticed there.
ALL_GRAMMARS = """
from tree_sitter import Parser
from pgdex.indexer.chunking import grammars
from pgdex.indexer.languages import LANGUAGES
assert grammars.ARCHIVE.exists(), grammars.ARCHIVE
for name in sorted({language.grammar for language in LANGUAGES} - {None}):
    assert Parser(grammars.load_grammar(name)).parse(b"a = 1\\n").root_node is not None
    print(name)
"""


class SmokeFailed(Exception):
    """The wheel does not do what it should; the message says what."""


def require(holds: bool, what: str) -> None:
    """Print `what` if it holds. Raises SmokeFailed otherwise."""
    if not holds:
        raise SmokeFailed(f"not so: {what}")
    print(f"ok: {what}", flush=True)


class Installation:
    """A virtual environment with the wheel in it, used from a folder that is no checkout."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.programs = folder / "venv" / "bin"
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PGDEX_", "PYTHON"))}
        self.environment = inherited | {"PGDEX_HOME": str(home), "PGDEX_SERVER_LINGER": "0"}

    def install(self, wheel: Path) -> None:
        """Make the environment. The pip of this process fills it: Debian's Python may lack one for new environments."""
        venv.create(self.programs.parent, with_pip=False, symlinks=True)
        pip = [sys.executable, "-m", "pip", "--python", str(self.programs / "python"), "install", "--quiet"]
        lock = CHECKOUT / "requirements.lock"
        subprocess.run([*pip, "--no-deps", "--require-hashes", "--requirement", str(lock)], check=True, cwd=self.folder)
        subprocess.run([*pip, "--no-deps", str(wheel)], check=True, cwd=self.folder)

    def output(self, program: str, *arguments: str) -> str:
        """Run a program of the environment to its end and return what it printed. Raises SmokeFailed."""
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise SmokeFailed(f"{program} {' '.join(arguments)} ended with code {done.returncode}:\n{said}")
        return done.stdout.decode()

    def answer(self, *arguments: str) -> Any:
        """What `pgdex … --json` says."""
        return json.loads(self.output("pgdex", *arguments, "--json"))

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A worker by procrastinate's own command, alive in the eyes of the database; stopped in the end."""
        process = subprocess.Popen(
            [str(self.programs / "procrastinate"), "--app=pgdex.app", "worker"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not any(worker["alive"] and worker["pid"] == process.pid for worker in self.workers()):
                if process.poll() is not None:
                    raise SmokeFailed(f"the worker ended with code {process.returncode}")
                if time.monotonic() > deadline:
                    raise SmokeFailed(f"the worker was not seen alive within {START_SECONDS:.0f} s")
                time.sleep(0.5)
            yield
            process.send_signal(signal.SIGTERM)
            require(process.wait(STOP_SECONDS) == 0, "the worker stops when it is told to")
        finally:
            process.kill()
            process.wait()

    def workers(self) -> list[dict[str, Any]]:
        """The worker processes that the database knows."""
        workers = self.answer("workers")
        assert isinstance(workers, list)
        return workers


def write_repository(folder: Path) -> None:
    """A small repository with a file of code, one of prose, and one that is no text."""
    for name, content in SOURCES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def check(installed: Installation, wheel: Path) -> None:
    """What a user would do first. Raises SmokeFailed."""
    where = installed.output("python", "-c", "import pgdex.jobs.client, pgdex.sql; print(pgdex.__file__)")
    require(str(CHECKOUT) not in where and "site-packages" in where, "the package comes from the wheel")
    with ZipFile(wheel) as content:
        tops = {name.partition("/")[0] for name in content.namelist()}
    require(tops == {"pgdex", f"pgdex-{wheel.name.split('-')[1]}.dist-info"}, f"nothing but pgdex is in it: {tops}")
    version = wheel.name.split("-")[1]
    checked = installed.output("python", "-c", ALL_GRAMMARS).split()
    require(len(checked) > 60, f"every grammar is in the wheel and can be loaded: {len(checked)}")
    require(installed.output("pgdex", "--version").split()[-1] == version, f"pgdex --version says {version}")
    installed.output("pgdex", "db", "upgrade")
    require(installed.workers() == [], "pgdex db upgrade makes the schema on the embedded server")

    repository = installed.folder / "repository"
    write_repository(repository)
    with installed.worker():
        require(len(installed.workers()) == 1, "procrastinate's own command is a whole worker")
        job = installed.answer("index", str(repository))
        counts = (job["status"], job["files_indexed"], job["files_skipped"])
        require(counts == ("completed", 2, 1), "a folder is indexed: two files, and one skipped")
        for query, path in (("next_delay", "delays.py"), ("brew coffee", "docs/guide.md")):
            hits = installed.answer("search", query)["hits"]
            require(bool(hits) and hits[0]["path"] == path, f"searching for {query!r} finds {path}")
        hit = installed.answer("search", "next_delay")["hits"][0]
        require(hit["symbol"] == "next_delay", "the grammars in the wheel can be used")


def main() -> int:
    """Run the checks on the wheel that the command line names; 0 where all hold."""
    if len(sys.argv) != 2:
        print("usage: wheel_smoke.py WHEEL", file=sys.stderr)
        return 2
    wheel = Path(sys.argv[1]).resolve(strict=True)
    folder = Path(tempfile.mkdtemp(prefix="pgdex-smoke-"))
    # Below /tmp itself: as root the embedded server runs as another user, who has to get there.
    home = Path(tempfile.mkdtemp(prefix="pgdex-smoke-home-", dir="/tmp"))
    try:
        installed = Installation(folder, home)
        installed.install(wheel)
        check(installed, wheel)
    except SmokeFailed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
    print("The wheel works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
