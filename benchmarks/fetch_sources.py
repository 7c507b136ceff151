"""Brings the sources of a set of search questions from PyPI, npm and Debian.

Run: python -m benchmarks.fetch_sources [--repos FILE] [--into FOLDER]

Each entry of the repos file names its package in one of four ways, and always with its exact version:
"PyPI sdist NAME==VERSION", "npm NAME@VERSION", "Debian source NAME=VERSION" or "Debian package NAME=VERSION" (for
Debian the upstream version; its own changes to a source package are left out). pip, npm and apt bring them, from
wherever this machine has them set up to look. An entry's `folder`, where it has one, is the folder inside the package
that is kept. A folder that is there already is left alone; a new one appears only when it is complete.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPOS = Path("benchmarks/questions/repos.json")
INTO = Path("benchmarks/.cache/questions")


class CannotFetch(Exception):
    """A source could not be brought; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Package:
    """A source package in one registry, at one version."""

    registry: str
    name: str
    version: str


_FORMS = {
    "pypi": re.compile(r"PyPI sdist (?P<name>[\w.-]+)==(?P<version>[\w.!+-]+)"),
    "npm": re.compile(r"npm (?P<name>(?:@[\w.-]+/)?[\w.-]+)@(?P<version>[\w.+-]+)"),
    "debian": re.compile(r"Debian source (?P<name>[a-z0-9][a-z0-9.+-]+)=(?P<version>[\w.:~+-]+)"),
    "deb": re.compile(r"Debian package (?P<name>[a-z0-9][a-z0-9.+-]+)=(?P<version>[\w.:~+-]+)"),
}


def parse_package(text: str) -> Package:
    """Read the `package` of an entry; ValueError quotes one that is in none of the known forms."""
    for registry, form in _FORMS.items():
        if match := form.fullmatch(text):
            return Package(registry, match["name"], match["version"])
    raise ValueError(
        f"package {text!r}: use 'PyPI sdist NAME==VERSION', 'npm NAME@VERSION', 'Debian source NAME=VERSION'"
        " or 'Debian package NAME=VERSION'"
    )


class Fetcher:
    """Downloads packages into `scratch`, keeping the package lists that apt needs from one call to the next."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._apt: list[str] | None = None  # the settings that both apt-get and apt-cache take

    def archive(self, package: Package) -> Path:
        """Download the package's source and return the tar archive that holds it."""
        ways: dict[str, Callable[[Package, Path], None]] = {
            "pypi": self._from_pypi,
            "npm": self._from_npm,
            "debian": self._from_debian_sources,
            "deb": self._from_debian_packages,
        }
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        ways[package.registry](package, folder)
        archives = [p for p in sorted(folder.iterdir()) if re.search(r"\.(tgz|tar(\.\w+)?)$", p.name)]
        # Debian keeps its own changes in a second archive beside upstream's.
        archives = [p for p in archives if ".debian.tar." not in p.name]
        if len(archives) != 1:
            found = ", ".join(p.name for p in archives) or "none"
            raise CannotFetch(f"{package.name} {package.version}: expected one source archive, found {found}")
        return archives[0]

    def _from_pypi(self, package: Package, folder: Path) -> None:
        wanted = f"{package.name}=={package.version}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        try:
            _run([*pip, "--no-binary", package.name, wanted], folder)
        except CannotFetch:
            # pip prepares what it has downloaded, which can need a compiler; the archive is all that we want.
            if not any(folder.iterdir()):
                raise

    def _from_npm(self, package: Package, folder: Path) -> None:
        _run(["npm", "pack", "--loglevel=error", f"{package.name}@{package.version}"], folder)

    def _from_debian_sources(self, package: Package, folder: Path) -> None:
        if self._apt is None:
            self._apt = self._apt_with_sources()
        known = _run(["apt-cache", *self._apt, "showsrc", "--only-source", package.name], folder)
        wanted = f"{package.name}={_revision(package, known)}"
        # Upstream's archive alone: a mirror may lack the other parts of a source package.
        _run(["apt-get", *self._apt, "source", "--download-only", "--tar-only", wanted], folder)

    def _from_debian_packages(self, package: Package, folder: Path) -> None:
        known = _run(["apt-cache", "show", package.name], folder)
        wanted = f"{package.name}={_revision(package, known)}"
        _run(["apt-get", "-o", "APT::Sandbox::User=root", "download", wanted], folder)
        for deb in folder.glob("*.deb"):
            _run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$0" > package.tar', deb.name], folder)

    def _apt_with_sources(self) -> list[str]:
        """Return settings that let apt know source packages too, without a change to the machine's own lists."""
        line = "deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)"
        lists = _run(["apt-get", "indextargets", "--format", line, "Created-By: Packages"], self._scratch)
        if not lists.strip():
            raise CannotFetch("apt knows no package lists on this machine; run 'apt-get update' first")
        home = self._scratch / "apt"
        for part in ("lists/partial", "cache/archives/partial"):
            (home / part).mkdir(parents=True)
        (home / "sources.list").write_text("\n".join(sorted(set(lists.splitlines()))) + "\n")
        settings = {
            "Dir::Etc::SourceList": home / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": home / "lists",
            "Dir::Cache": home / "cache",
            # Where root runs it, apt downloads as a user of its own, which can't write to our folder.
            "APT::Sandbox::User": "root",
        }
        apt = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        _run(["apt-get", *apt, "update"], self._scratch)
        return apt


def _revision(package: Package, known: str) -> str:
    """Return Debian's revision of the package's version, out of what apt-cache shows of it."""
    versions: list[str] = re.findall(r"(?m)^Version: (\S+)", known)
    revisions = [version for version in versions if _upstream(version) == package.version]
    if not revisions:
        there = ", ".join(sorted(set(versions))) or "nothing"
        raise CannotFetch(f"Debian has no {package.name} {package.version}; there is {there}")
    return revisions[0]


def _upstream(version: str) -> str:
    """Return a Debian version without its epoch and its revision."""
    return version.rpartition(":")[2].rpartition("-")[0] or version.rpartition(":")[2]


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CannotFetch(f"{command[0]} is not installed, and this set needs it") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise CannotFetch(f"'{' '.join(command[:1] + command[-2:])}' ended with {done.returncode}: {' / '.join(last)}")
    return done.stdout


def unpack(archive: Path, into: Path, *, folder: str | None = None) -> int:
    """Unpack the files of an archive's folder (by default its top one), and return how many there were.

    Links are left out.
    """
    with tarfile.open(archive) as tar:
        members = list(_inside(tar, folder))
        tar.extractall(into, members=members, filter="data")
    return len(members)


def _inside(tar: tarfile.TarFile, folder: str | None) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        path = member.name.removeprefix("./")
        if folder is None:
            _, _, below = path.partition("/")
        else:
            below = path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else ""
        if member.isfile() and below:
            yield member.replace(name=below, deep=False)


def read_repos(path: Path) -> list[dict[str, str]]:
    """Read the list of repositories; CannotFetch says what is wrong with a file that is none."""
    try:
        entries = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CannotFetch(f"{path}: {error}") from error
    for entry in entries:
        missing = {"name", "benchmark_root", "package"} - entry.keys()
        if missing:
            raise CannotFetch(f"{path}: {entry} lacks {', '.join(sorted(missing))}")
    return list(entries)


def fetch(entry: dict[str, str], *, into: Path, fetcher: Fetcher) -> int | None:
    """Bring one repository's source into its folder; return its number of files, or None where it was there."""
    target = into / entry["name"]
    if target.exists():
        return None
    try:
        package = parse_package(entry["package"])
    except ValueError as error:
        raise CannotFetch(str(error)) from error
    archive = fetcher.archive(package)
    fresh = Path(tempfile.mkdtemp(prefix=f".{entry['name']}-", dir=into))
    try:
        files = unpack(archive, fresh, folder=entry.get("folder"))
        if not files or not (fresh / entry["benchmark_root"]).is_dir():
            wanted = str(Path(entry.get("folder", "")) / entry["benchmark_root"])
            raise CannotFetch(f"{archive.name} holds no folder {wanted!r}")
        fresh.chmod(0o755)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return files


def main(argv: list[str] | None = None) -> int:
    """Bring every repository that is missing; 1 where one could not be brought."""
    parser = argparse.ArgumentParser(description="Bring the sources of a set of search questions.")
    parser.add_argument("--repos", type=Path, default=REPOS, help="the list of repositories (%(default)s)")
    parser.add_argument("--into", type=Path, default=INTO, help="the folder for the sources (%(default)s)")
    options = parser.parse_args(argv)
    try:
        repos = read_repos(options.repos)
    except CannotFetch as error:
        print(error, file=sys.stderr)
        return 1
    options.into.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        fetcher = Fetcher(Path(scratch))
        for number, entry in enumerate(repos, start=1):
            print(f"[{number}/{len(repos)}] {entry['name']}: ", end="", flush=True)
            try:
                files = fetch(entry, into=options.into, fetcher=fetcher)
            except CannotFetch as error:
                failed += 1
                print("failed", flush=True)
                print(f"{entry['name']}: {error}", file=sys.stderr)
            else:
                print("is there already" if files is None else f"{files} files from {entry['package']}", flush=True)
    if failed:
        print(f"{failed} of {len(repos)} repositories could not be brought", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
