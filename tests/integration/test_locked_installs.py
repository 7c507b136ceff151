"""Installing from the lock files, on the day when every package of the world has a newer release.

The package index is a folder. It offers each locked package in the locked version and in a newer one; both require what
the real package requires, extras included, and hold nothing, but for those that pgdex is built with.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (
    *("requirements.lock", "requirements-core.lock", "requirements-dev.lock", "requirements-build.lock"),
    *("requirements-documents.lock", "requirements-docs.lock"),
)
BUILD_LOCK = "requirements-build.lock"
PIN = re.compile(r"^(?P<name>[^\s=]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>.*?))? \\$", re.MULTILINE)
HASHED = re.compile(r"^(\S+==\S+(?: ; .*?)?) \\\n(?:    --hash=\S+(?: \\)?\n?)+", re.MULTILINE)
SOURCES = ("pgdex", "indexer", "jobs", "migrations", "sql", "hatch_build.py")


@dataclass(frozen=True, slots=True)
class Pin:
    """A line of a lock file."""

    name: str
    version: str
    marker: str | None

    @property
    def applies_here(self) -> bool:
        """Whether its marker, if it has one, holds for this Python and system."""
        return self.marker is None or Marker(self.marker).evaluate()


def pins(lock: str) -> list[Pin]:
    return [Pin(**found.groupdict()) for found in PIN.finditer((ROOT / lock).read_text("utf-8"))]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package index in `index/`, and the lock files with that index's hashes in `locks/`."""
    folder = tmp_path_factory.mktemp("world")
    hashes: dict[tuple[str, str], str] = {}
    with_content = {pin.name for pin in pins(BUILD_LOCK)}
    for pin in {pin for lock in LOCKS for pin in pins(lock)}:
        shelf = folder / "index" / pin.name
        shelf.mkdir(parents=True, exist_ok=True)
        for version in (pin.version, f"{pin.version}.post1"):
            wheel = fabricated(shelf, pin.name, version, with_content=pin.name in with_content)
            hashes[pin.name, version] = hashlib.sha256(wheel.read_bytes()).hexdigest()
        links = "".join(f'<a href="{wheel.name}">{wheel.name}</a>' for wheel in sorted(shelf.glob("*.whl")))
        (shelf / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    (folder / "locks").mkdir()
    for lock in LOCKS:

        def line(found: re.Match[str]) -> str:
            name, _, version = found[1].partition(" ")[0].partition("==")
            return f"{found[1]} \\\n    --hash=sha256:{hashes[name, version]}\n"

        (folder / "locks" / lock).write_text(HASHED.sub(line, (ROOT / lock).read_text("utf-8")))
    return folder


def fabricated(shelf: Path, name: str, version: str, *, with_content: bool) -> Path:
    """A wheel of that name and version, which requires what the installed package requires."""
    stem = f"{name.replace('-', '_')}-{version}"
    try:
        real: Distribution | None = distribution(name)
    except PackageNotFoundError:  # for another system
        real = None
    required = (real.requires or []) if real else []
    extras = (real.metadata.get_all("Provides-Extra") or []) if real else []
    metadata = "".join(
        [
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            *(f"Provides-Extra: {extra}\n" for extra in extras),
            *(f"Requires-Dist: {requirement}\n" for requirement in required),
        ]
    )
    content = dict(files_of(real)) if real and with_content else {}
    content[f"{stem}.dist-info/METADATA"] = metadata.encode()
    # The real one says for which platform: what is built with the grammars of a package is for that one too.
    wheel_file = real.read_text("WHEEL") if real and with_content else None
    wheel_file = wheel_file or "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content[f"{stem}.dist-info/WHEEL"] = wheel_file.encode()
    if real and with_content and (scripts := real.read_text("entry_points.txt")):
        content[f"{stem}.dist-info/entry_points.txt"] = scripts.encode()
    record = "".join(f"{path},,\n" for path in [*content, f"{stem}.dist-info/RECORD"])
    wheel = shelf / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in {**content, f"{stem}.dist-info/RECORD": record.encode()}.items():
            archive.writestr(path, data)
    return wheel


def files_of(package: Distribution) -> Iterator[tuple[str, bytes]]:
    for file in package.files or []:
        if not str(file).startswith("..") and not re.search(r"\.dist-info/|__pycache__|\.pyc$", str(file)):
            # Grammars go into the wheel, whatever is in them, and 190 MB of them make this slow.
            content = b"" if file.suffix == ".so" else Path(str(file.locate())).read_bytes()
            yield file.as_posix(), content


def environment(world: Path) -> dict[str, str]:
    """What pip sees: this index and no other, and nobody's configuration."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "COV_", "MAKE"))
    }
    return kept | {
        "PIP_INDEX_URL": (world / "index").as_uri(),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
    }


def checkout(folder: Path, world: Path, *names: str) -> Path:
    """Those files and folders of this checkout, with the lock files of this world."""
    folder.mkdir()
    for name in names:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(world / "locks" / name if name in LOCKS else source, folder / name)
    return folder


def run(*command: str, folder: Path, world: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(world),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def installed(python: Path, world: Path) -> dict[str, str]:
    pip = (sys.executable, "-m", "pip", "--python", str(python))  # an image has none
    done = run(*pip, "list", "--format=json", folder=world, world=world)
    assert done.returncode == 0, done.stderr
    return {canonicalize_name(item["name"]): item["version"] for item in json.loads(done.stdout)}


def expected(*locks: str) -> dict[str, str]:
    return {pin.name: pin.version for lock in locks for pin in pins(lock) if pin.applies_here}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("target", "lock"), [("install", "requirements.lock"), ("develop", "requirements-dev.lock")])
def test_make_installs_what_is_locked_although_everything_has_a_newer_release(
    world: Path, tmp_path: Path, target: str, lock: str
) -> None:
    folder = checkout(
        tmp_path / "checkout", world, "Makefile", "pyproject.toml", "README.md", "LICENSE", *LOCKS, *SOURCES
    )

    done = run("make", target, f"PYTHON={sys.executable}", folder=folder, world=world)

    assert done.returncode == 0, done.stdout + done.stderr
    found = installed(folder / ".venv" / "bin" / "python", world)
    assert "pgdex" in found
    wanted = expected(lock, BUILD_LOCK)
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.timeout(300)
def test_the_image_holds_what_is_locked_although_everything_has_a_newer_release(world: Path, tmp_path: Path) -> None:
    """The commands of the Dockerfile's first stage, on what its context holds."""
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    folder = checkout(tmp_path / "build", world, *kept)
    stage = (ROOT / "Dockerfile").read_text("utf-8").split("\nFROM ")[1].replace("\\\n", " ")
    places = {"/opt/pgdex": "image", "/opt/build": "tools", "/build": "build"}
    for line in re.findall(r"^RUN (.*)$", stage, flags=re.MULTILINE):
        # The packages of this world are empty, so pgdex can't be imported in it (test_published_files has that step).
        command = re.sub(r"&& \S+ docker/compile_loaded\.py", "", line)
        here = re.sub(r"/opt/pgdex|/opt/build|/build\b", lambda place: str(tmp_path / places[place[0]]), command)
        done = run("sh", "-c", re.sub(r"\bpython3 ", f"{sys.executable} ", here), folder=folder, world=world)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    found = installed(tmp_path / "image" / "bin" / "python", world)
    assert found.pop("pgdex-core", None) is not None
    locks = ("requirements-core.lock", "requirements-documents.lock")
    assert found == expected(*locks), "nothing else, and no PostgreSQL of its own"


def test_in_this_world_a_resolving_install_breaks(world: Path, tmp_path: Path) -> None:
    """So that the tests above would notice it."""
    pip = (sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--require-hashes")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        done = run(*pip, "-r", str(world / "locks" / lock), folder=tmp_path, world=world)
        assert done.returncode != 0
        assert "In --require-hashes mode" in done.stderr


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_file_is_pinned_and_has_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert len(lines) == len(pins(lock)) == len(HASHED.findall(text))


def test_what_two_lock_files_hold_has_one_version() -> None:
    """They are installed into one environment."""
    versions = [expected(lock) for lock in LOCKS]
    assert all(one[name] == other[name] for one in versions for other in versions for name in one.keys() & other.keys())
