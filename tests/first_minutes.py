"""The first minutes of a new user: `python tests/first_minutes.py dist/pgdex-*.whl`, as root.

Makes an OS user with an empty home, and does as that user what the README says: install pgdex, register it with an
agent, index a repository, and get the first answer through a real client (the MCP Inspector's command line, which
starts what was registered). Four commands, and no more than 60 seconds. Then everything is uninstalled, and the home is
empty again and no process is left.

Where something is missing (root, useradd, npm) it says so and ends with 77: nothing was tried then. With --possible
instead of a wheel it only says whether it could. The clients come from npm, pinned, into a folder that is kept
(CLIENTS_CACHE, or /var/cache/pgdex-clients).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
MOST_SECONDS = 60.0
"""A promise. On two cores with nothing else to do it takes about a third of that."""
MOST_COMMANDS = 4
PATIENCE_SECONDS = 300.0
QUERY = "how long until a peer is presumed dead"
ANSWER = "jobs/worker/peers.py"
CLIENTS = ("@modelcontextprotocol/inspector@2.12.0", "@anthropic-ai/claude-code@2.1.332")
UV = "uv==0.13.8"
NOT_RUN = 77  # as automake's tests say it


class NotPossible(Exception):
    """This machine can't try it; the message says why."""


class Failed(Exception):
    """A user would be stuck here; the message says where."""


@dataclass(slots=True)
class NewUser:
    """An OS user with an empty home, who has uv and the clients on the PATH, and what was done as this user."""

    name: str
    home: Path
    shared: Path
    clients: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, command: str, *, counted: bool = True, folder: str = "") -> str:
        """A command line in the user's shell; what it prints. Raises Failed."""
        print(f"{self.name}$ {command}", flush=True)
        started = time.monotonic()
        done = subprocess.run(
            [*("runuser", "--user", self.name, "--", "env", "-i"), *self._environment(), "sh", "-c", command],
            cwd=self.home / folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        took = time.monotonic() - started
        if counted:
            self.seconds[command] = took
        said = "".join(f"  {line}\n" for line in (done.stdout + done.stderr).splitlines()[-12:])
        print(f"{said}  ({took:.1f} s, exit code {done.returncode})", flush=True)
        if done.returncode != 0:
            raise Failed(f"{command!r} ended with code {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _environment(self) -> list[str]:
        path = f"{self.home}/.local/bin:{self.shared}/bin:{self.clients}/node_modules/.bin:/usr/local/bin:/usr/bin:/bin"
        # Where packages come from is the machine's affair: what root's clients use, the user's may use too.
        passed = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(("UV_", "SSL_CERT"))]
        return [
            *passed,
            f"HOME={self.home}",
            f"USER={self.name}",
            f"PATH={path}",
            "LANG=C.UTF-8",
            f"UV_FIND_LINKS={self.shared}/wheels",
            "UV_PYTHON_DOWNLOADS=never",
        ]

    def processes(self) -> str:
        """The user's processes, one a line."""
        return subprocess.run(
            ["pgrep", "--list-full", "--uid", self.name], capture_output=True, text=True, check=False
        ).stdout

    def files(self) -> set[str]:
        """What is in the home."""
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*")}

    def remove(self) -> None:
        """End what the user still runs, and remove the account with its home."""
        subprocess.run(["pkill", "-KILL", "--uid", self.name], check=False)
        for _ in range(50):
            if not self.processes():
                break
            time.sleep(0.1)
        subprocess.run(["userdel", "--remove", "--force", self.name], check=False, capture_output=True)


def require_tools() -> None:
    """Raises NotPossible."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise NotPossible("making an OS user needs root")
    for tool in ("useradd", "userdel", "runuser", "pgrep", "pkill", "npm"):
        if shutil.which(tool) is None:
            raise NotPossible(f"there is no {tool} here")


def install_clients() -> Path:
    """The folder with the clients, readable for everyone. Raises NotPossible where npm can't have them."""
    folder = Path(os.environ.get("CLIENTS_CACHE") or Path("/var/cache/pgdex-clients")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", *CLIENTS],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise NotPossible(f"npm can't install the clients: {(done.stdout + done.stderr).strip()[-500:]}")
    return folder


def share(wheel: Path, folder: Path) -> None:
    """Put the wheel and uv where every user can read them."""
    (folder / "wheels").mkdir()
    (folder / "bin").mkdir()
    shutil.copy(wheel, folder / "wheels")
    tools = folder / "tools"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "--target", str(tools), UV], check=True)
    (folder / "bin" / "uv").symlink_to(tools / "bin" / "uv")
    (folder / "bin" / "uvx").symlink_to(tools / "bin" / "uvx")
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.is_dir() else 0))


def give_repository(user: NewUser) -> None:
    """A repository of a few hundred files: this checkout's own code."""
    target = user.home / "repository"
    for name in ("indexer", "jobs", "sql", "docs"):
        shutil.copytree(CHECKOUT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "code_model_data"))
    subprocess.run(["chown", "--recursive", f"{user.name}:", str(target)], check=True)


def first_answer(user: NewUser) -> None:
    """What the README says, in four commands. Raises Failed."""
    user.run("uv tool install pgdex")
    user.run("pgdex install --agent claude-code --yes")
    user.run("pgdex index repository")
    said = user.run(
        f"mcp-inspector --cli --config {user.home}/.claude.json --server pgdex --method tools/call"
        f" --tool-name search_code --tool-arg query='{QUERY}' --tool-arg repo_path={user.home}/repository"
    )
    answer = json.loads(said)
    if answer.get("isError"):
        raise Failed(f"the first search is an error: {said}")
    first = next((line for line in said.splitlines() if ".py" in line or ".sql" in line or ".md" in line), "")
    if ANSWER not in said:
        raise Failed(f"{QUERY!r} does not find {ANSWER}, but first: {first}")
    if len(user.seconds) > MOST_COMMANDS:
        raise Failed(f"it took {len(user.seconds)} commands, and the promise is {MOST_COMMANDS}")
    total = sum(user.seconds.values())
    if total > MOST_SECONDS:
        raise Failed(f"it took {total:.0f} s, and the promise is {MOST_SECONDS:.0f} s: {user.seconds}")


def uninstall(user: NewUser, before: set[str]) -> None:
    """Take everything away again, as the README says. Raises Failed where something is left."""
    user.run("pgdex install --uninstall --yes", counted=False)
    user.run("pgdex uninstall --purge --yes", counted=False)
    if left := user.processes():
        raise Failed(f"processes are left:\n{left}")
    user.run("uv tool uninstall pgdex && uv cache clean --quiet", counted=False)
    # What uv, npm and the inspector keep for themselves is theirs. Claude Code was never started: whatever is left of
    # its files is ours.
    theirs = (".npm", ".local/share/uv", ".cache/uv", ".config/uv", ".mcp-inspector")
    folders = {".local", ".local/share", ".local/bin", ".local/state", ".cache", ".config"}
    files = {path for path in user.files() - before - folders if not path.startswith(theirs)}
    if files:
        raise Failed(f"files are left: {', '.join(sorted(files)[:20])}")


def main(arguments: list[str]) -> int:
    """Try it with the wheel that the command line names; 0 where it works, 77 where it can't be tried here."""
    if len(arguments) != 1:
        print("usage: first_minutes.py WHEEL|--possible", file=sys.stderr)
        return 2
    try:
        require_tools()
        if arguments == ["--possible"]:
            return 0
        wheel = Path(arguments[0]).resolve(strict=True)
        clients = install_clients()
    except NotPossible as error:
        print(f"NOT RUN: {error}", file=sys.stderr)
        return NOT_RUN
    shared = Path(tempfile.mkdtemp(prefix="pgdex-first-", dir="/tmp"))
    name = f"pgdex-new-{os.getpid()}"
    home = Path("/home") / name
    subprocess.run(["useradd", "--create-home", "--home-dir", str(home), "--shell", "/bin/sh", name], check=True)
    user = NewUser(name, home, shared, clients)
    try:
        share(wheel, shared)
        give_repository(user)
        before = user.files()
        first_answer(user)
        total = sum(user.seconds.values())
        print(f"ok: {len(user.seconds)} commands and {total:.0f} s from an empty home to the first answer", flush=True)
        uninstall(user, before)
        print("ok: uninstalled without a trace", flush=True)
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        user.remove()
        shutil.rmtree(shared, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
