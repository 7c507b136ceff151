"""Fetches the packages of packages.tsv and unpacks their source files.

Run: python -m training.collect DIR [--list FILE] [--record]

DIR/archives keeps what the registries sent, DIR/sources/REGISTRY/NAME the files to learn from. A line of the list is
registry, name, version and licence, with tabs between; the registry is pypi, npm, deb (a binary package that holds
sources) or deb-src. `pip`, `npm` and `apt-get` do the fetching, as they are set up on the machine. With --record,
versions and licences are filled in from what came, packages that may not be learnt from are dropped, and the list is
written again.
"""

import argparse
import csv
import io
import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from pathlib import Path, PurePosixPath

from pgdex.indexer.languages import language_of
from training.excluded import is_excluded_name, is_excluded_path
from training.licences import is_permissive, of_debian_copyright, of_wheel

LIST = Path(__file__).with_name("packages.tsv")
_SMALLEST, _LARGEST = 200, 150_000
# Of a library; a source package of Debian's may hold a whole platform.
_MOST_FILES = {"deb-src": 12_000}
_MOST_FILES_ELSE = 1_500
_TEXT_LANGUAGES = {"markdown", "rst"}
_UNWANTED_LANGUAGES = {"css", "scss", "html", "xml", "make", "cmake", "svelte", "vue", "glsl", "graphql"}
_MINIFIED = re.compile(r"[.-](min|bundle|umd|prod|production)\b.*\.js$|(^|/)(dist|umd|min|build|fixtures?|locales?)/")
# What Debian puts in front of a library's own paths.
_INSTALLED = re.compile(
    r"^(usr/share/gocode/src/(github\.com/[^/]+/[^/]+|[^/]+/[^/]+)|usr/share/cargo/registry/[^/]+"
    r"|usr/share/rubygems-integration/[^/]+/gems/[^/]+|usr/lib/ruby/vendor_ruby|usr/share/php|usr/share/lua/[^/]+"
    r"|usr/share/nodejs|usr/lib/python3/dist-packages)/"
)


@dataclass(frozen=True, slots=True)
class Package:
    """A line of the list."""

    registry: str
    name: str
    version: str = ""
    licence: str = ""

    @property
    def folder(self) -> str:
        """A name that is one file name."""
        return self.name.replace("/", "+")


def main() -> None:
    """Fetch, unpack, and with --record write the list again."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("into", type=Path)
    options.add_argument("--list", type=Path, default=LIST)
    options.add_argument("--record", action="store_true")
    given = options.parse_args()
    packages = [package for package in read_list(given.list) if not is_excluded_name(package.name)]
    _fetch_debian(packages, given.into / "archives")
    _fetch_npm(packages, given.into / "archives" / "npm")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda package: _collect(package, given.into), packages))
    kept = [package for package in found if package is not None]
    print(f"{len(kept)} of {len(packages)} packages may be learnt from")
    if given.record:
        write_list(given.list, kept)


def read_list(path: Path = LIST) -> list[Package]:
    """The packages of a list."""
    with path.open(newline="") as lines:
        return [Package(*row) for row in csv.reader(lines, delimiter="\t") if row and not row[0].startswith("#")]


def write_list(path: Path, packages: list[Package]) -> None:
    """Write a list, sorted."""
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
        for package in sorted(packages, key=lambda one: (one.registry, one.name)):
            writer.writerow([package.registry, package.name, package.version, package.licence])


def _collect(package: Package, into: Path) -> Package | None:
    """The package with its version and licence, after its files were unpacked; None if it can't be used."""
    done = into / "collected" / f"{package.registry}+{package.folder}.json"
    if done.exists():
        state = json.loads(done.read_text())
        return Package(*state) if state else None
    collected = _unpack(package, into)
    done.parent.mkdir(parents=True, exist_ok=True)
    done.write_text(json.dumps(astuple(collected) if collected else None))
    return collected


def _unpack(package: Package, into: Path) -> Package | None:
    archives = into / "archives" / package.registry / package.folder
    try:
        if not _has_files(archives):
            archives.mkdir(parents=True, exist_ok=True)
            _fetch(package, archives)
        members = [member for archive in sorted(archives.iterdir()) for member in _members(archive)]
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError, EOFError) as error:
        print(f"{package.registry} {package.name}: {type(error).__name__} {error}"[:200])
        return None
    except (tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        print(f"{package.registry} {package.name}: {type(error).__name__} {error}"[:200])
        return None
    described = _described(package, members)
    if not is_permissive(described.licence):
        print(f"{package.registry} {package.name}: licence {described.licence!r}")
        return None
    target = into / "sources" / package.registry / package.folder
    count, most = 0, _MOST_FILES.get(package.registry, _MOST_FILES_ELSE)
    for path, data in members:
        if count < most and (text := _wanted(path, data)) is not None:
            file = target / path
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, newline="")
            except OSError:  # a file where another archive has a folder
                continue
            count += 1
    return described if count else None


def _fetch_debian(packages: list[Package], archives: Path) -> None:
    """Debian's packages by the hundred: apt-get reads its lists anew, for a second, each time it is called."""
    for registry, command in (("deb", ["download"]), ("deb-src", ["source", "--download-only"])):
        folders = {
            package.name: archives / registry / package.folder for package in packages if package.registry == registry
        }
        missing = [
            package for package in packages if package.registry == registry and not _has_files(folders[package.name])
        ]
        incoming = archives / f"{registry}-incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(missing), 100):
            wanted = [f"{one.name}={one.version}" if one.version else one.name for one in missing[start : start + 100]]
            # One that is gone fails the call; the rest then come one by one in _fetch.
            subprocess.run(["apt-get", "-qq", *command, *wanted], cwd=incoming, check=False, capture_output=True)
            for file in sorted(incoming.iterdir()):
                name = file.name.partition("_")[0]
                if name in folders and file.exists():
                    folders[name].mkdir(parents=True, exist_ok=True)
                    file.rename(folders[name] / file.name)


def _fetch_npm(packages: list[Package], archives: Path) -> None:
    """npm's packages twenty at a time, because each call of npm takes a second of its own."""
    missing = [one for one in packages if one.registry == "npm" and not _has_files(archives / one.folder)]
    incoming = archives.with_name("npm-incoming")
    incoming.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(missing), 20):
        wanted = [f"{one.name}@{one.version}" if one.version else one.name for one in missing[start : start + 20]]
        command = ["npm", "pack", "--silent", "--json", "--ignore-scripts", *wanted]
        packed = subprocess.run(command, cwd=incoming, check=False, capture_output=True, text=True)
        if packed.returncode == 0:
            for entry in json.loads(packed.stdout):
                folder = archives / entry["name"].replace("/", "+")
                folder.mkdir(parents=True, exist_ok=True)
                name = entry["filename"].replace("@", "").replace("/", "-")
                (incoming / name).rename(folder / name)


def _has_files(folder: Path) -> bool:
    """Whether a package's archives are there, all those of a source package."""
    if not folder.is_dir():
        return False
    parts = {
        part
        for file in folder.glob("*.dsc")
        for part in re.findall(r"^ [0-9a-f]{32} \d+ (\S+)$", file.read_text(), re.MULTILINE)
    }
    return any(folder.iterdir()) and all((folder / part).exists() for part in parts)


def _fetch(package: Package, into: Path) -> None:
    name, version = package.name, package.version
    match package.registry:
        case "pypi":
            wanted = f"{name}=={version}" if version else name
            command = ["pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--dest", ".", wanted]
        case "npm":
            command = ["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}" if version else name]
        case "deb":
            command = ["apt-get", "-qq", "download", f"{name}={version}" if version else name]
        case "deb-src":
            command = ["apt-get", "-qq", "source", "--download-only", f"{name}={version}" if version else name]
        case other:
            raise ValueError(f"unknown registry {other!r}")
    done = subprocess.run(command, cwd=into, check=False, capture_output=True, timeout=300)
    # A mirror may lack Debian's own part of a source package; what counts is the upstream part.
    if done.returncode and not (package.registry == "deb-src" and any(into.glob("*.orig.tar.*"))):
        raise subprocess.CalledProcessError(done.returncode, command)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The path, without what every path of the archive begins with, and the bytes of each file."""
    if archive.name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.is_dir() and info.file_size <= _LARGEST:
                    yield info.filename, opened.read(info)
    elif archive.name.endswith(".deb"):
        shown = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", archive], check=True, capture_output=True, timeout=300
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(shown)) as opened_tar:
            for path, data in _tar_members(opened_tar):
                yield _INSTALLED.sub("", path.removeprefix("./")), data
    elif re.search(r"\.(tgz|tar\.(gz|xz|bz2))$", archive.name):
        debian = ".debian.tar." in archive.name
        with tarfile.open(archive) as opened_tar:
            for path, data in _tar_members(opened_tar):
                yield (path if debian else path.removeprefix("./").partition("/")[2]), data


def _tar_members(opened: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in opened:
        if member.isfile() and member.size <= _LARGEST and (file := opened.extractfile(member)) is not None:
            yield member.name, file.read()


def _described(package: Package, members: list[tuple[str, bytes]]) -> Package:
    """The package with version and licence, as its own files state them."""
    version, licence = package.version, ""
    for path, data in members:
        text = data.decode("utf-8", "replace") if len(path) < 200 else ""
        if package.registry == "pypi" and path.endswith(".dist-info/METADATA"):
            licence = of_wheel(text)
            version = (re.findall(r"^Version: *(\S+)", text, re.MULTILINE) or [version])[0]
        elif package.registry == "npm" and path == "package.json":
            stated = json.loads(text)
            found = stated.get("license", "")
            licence, version = str(found.get("type", "")) if isinstance(found, dict) else str(found), stated["version"]
        elif package.registry.startswith("deb") and (path == "debian/copyright" or path.endswith("/copyright")):
            licence = licence or of_debian_copyright(text)
    if not licence:
        stated = next(
            (data for path, data in members if re.fullmatch(r"(?i)(licen[cs]e|copying)(\.(md|txt|rst))?", path)), b""
        )
        licence = of_debian_copyright(stated.decode("utf-8", "replace"))
    return replace(package, version=version, licence=" ".join(licence.split()))


def _wanted(path: str, data: bytes) -> str | None:
    """The text of a file to learn from, None for others."""
    if not _SMALLEST <= len(data) <= _LARGEST or is_excluded_path(path) or _MINIFIED.search(path):
        return None
    if ".." in PurePosixPath(path).parts or path.startswith("/") or "\0" in path:
        return None
    language = language_of(path, "")
    if language.name not in _TEXT_LANGUAGES and (language.grammar is None or language.name in _UNWANTED_LANGUAGES):
        return None
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    if "\0" in text or "\r" in text or len(text) > 60 * (text.count("\n") + 1):
        return None
    return text


if __name__ == "__main__":
    main()
