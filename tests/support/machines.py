"""Machines of a team, as network namespaces of this one: each has its own address, host name and home, and sees neither
the others' folders nor any that a test hides.

They need Linux, root, and `ip` (iproute2); elsewhere the test is skipped.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg.conninfo
import pytest

from tests.support.logins import CHECKOUT

# A second machine sees only what it is given: `unshare` makes its mounts and its host name its own.
ENTER = 'hostname "$1"; shift; while [ "$1" != -- ]; do mount -t tmpfs none "$1"; shift; done; shift; exec "$@"'


@dataclass(slots=True)
class Machine:
    """One machine. `variables` are set for all that runs on it."""

    name: str
    namespace: str
    home: Path
    hidden: Sequence[Path]
    variables: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program there; what it prints goes to a file in its home."""
        with (self.home / f"output-{len(self.processes)}.log").open("w") as log:
            process = subprocess.Popen(
                self._entered(command), env=self._environment(), cwd=self.home, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, text=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def run(self, *command: str, expected: int = 0) -> str:
        """Run a program there to its end, and return what it printed."""
        done = subprocess.run(
            self._entered(command), env=self._environment(), cwd=self.home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == expected, (self.name, command, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def logs(self) -> str:
        """The ends of what its programs printed."""
        texts = [path.read_text(errors="replace")[-3000:] for path in sorted(self.home.glob("output-*.log"))]
        return "".join(f"\n--- {self.name}:\n{text}" for text in texts)

    def stop(self) -> None:
        """End all that runs there."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _entered(self, command: Sequence[str]) -> list[str]:
        inside = ["unshare", "--mount", "--uts", "sh", "-ec", ENTER, "sh", self.name, *map(str, self.hidden), "--"]
        return ["ip", "netns", "exec", self.namespace, *inside, *command]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PGDEX_", "GIT_", "XDG_"))}
        own = {"HOME": str(self.home), "PGDEX_HOME": str(self.home / "pgdex"), "GIT_CONFIG_NOSYSTEM": "1"}
        return kept | own | {"PYTHONPATH": str(CHECKOUT)} | self.variables


@dataclass(frozen=True, slots=True)
class Network:
    """The machines, and the address at which they reach what runs outside of them."""

    address: str
    machines: Sequence[Machine]


@contextmanager
def network(folder: Path, *names: str, hidden: Sequence[Path] = ()) -> Iterator[Network]:
    """Machines of these names, with homes in `folder` that the others don't see; all that they run has ended after the
    block. Skips the test where namespaces can't be made."""
    if sys.platform != "linux" or shutil.which("ip") is None or os.geteuid() != 0 or not _may_make_namespaces():
        pytest.skip("machines are network namespaces, which take Linux, root and iproute2")
    number = os.getpid() % 250 + 1
    net, bridge = f"10.213.{number}", f"pgdexbr{number}"
    homes = {name: folder / name for name in names}
    with ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "delete", bridge)
        _ip("address", "add", f"{net}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        machines = []
        for place, (name, home) in enumerate(homes.items(), 2):
            namespace, outer, inner = f"pgdex-{number}-{name}", f"pgdexo{number}-{place}", f"pgdexi{number}-{place}"
            _ip("netns", "add", namespace)
            stack.callback(_ip, "netns", "delete", namespace)
            _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
            stack.callback(_ip, "link", "delete", outer)  # the kernel takes its time where only the namespace goes
            _ip("link", "set", inner, "netns", namespace)
            _ip("link", "set", outer, "master", bridge)
            _ip("link", "set", outer, "up")
            _ip("-n", namespace, "address", "add", f"{net}.{place}/24", "dev", inner)
            _ip("-n", namespace, "link", "set", inner, "up")
            _ip("-n", namespace, "link", "set", "lo", "up")
            home.mkdir(parents=True)
            machines.append(
                Machine(name, namespace, home, [*hidden, *(other for other in homes.values() if other != home)])
            )
            stack.callback(machines[-1].stop)
        yield Network(f"{net}.1", machines)


@contextmanager
def served_at(address: str, database_url: str) -> Iterator[str]:
    """The URL of the database for those who reach `address` and not the server's own socket."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    listener = socket.create_server((address, 0))
    threading.Thread(target=_accept, args=(listener, parts), daemon=True).start()
    user, password = str(parts.get("user", "postgres")), parts.get("password")
    login = quote(user, safe="") + (f":{quote(str(password), safe='')}" if password else "")
    try:
        yield f"postgresql://{login}@{address}:{listener.getsockname()[1]}/{parts['dbname']}"
    finally:
        listener.close()


def _accept(listener: socket.socket, parts: dict[str, object]) -> None:
    host, port = str(parts.get("host", "localhost")), int(str(parts.get("port", 5432)))
    with suppress(OSError):  # closed: the end
        while True:
            near, _ = listener.accept()
            if host.startswith("/"):
                far = socket.socket(socket.AF_UNIX)
                far.connect(f"{host}/.s.PGSQL.{port}")
            else:
                far = socket.create_connection((host, port))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _may_make_namespaces() -> bool:
    """Root in a container often may not."""
    name = f"pgdex-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode == 0:
        _ip("netns", "delete", name)
    return made.returncode == 0


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)
