"""What is done when the wheel is built: the grammars go into it, as one archive.

They are taken, unchanged, from the wheels `tree-sitter-language-pack` and `tree-sitter-c-sharp` (which the pack uses
for C#). Installed as dependencies they take 197 MB, most of it for languages that pgdex doesn't know; the archive takes
11 MB. `indexer/chunking/grammars.py` reads it.

The wheel is built for the platform of the grammars: that of the packages beside the build, or with
PGDEX_GRAMMAR_WHEELS that of the two wheels in the folder which it names, so that one machine can build for all.
"""

import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACK = "tree-sitter-language-pack"
C_SHARP = "tree-sitter-c-sharp"
TARGET = "pgdex/indexer/chunking/grammars.zip"
# Limited API of Python 3.10, which pgdex's own lower bound (3.11) covers; free-threaded builds lack it.
PYTHON_TAG = "cp311-abi3"
Library = tuple[str, Callable[[], bytes]]


class GrammarsHook(BuildHookInterface[Any]):
    """Adds the archive to wheels. An editable installation uses the pack itself, which `make` installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the archive and say which platform the wheel is for."""
        if version == "editable":
            return
        folder = os.environ.get("PGDEX_GRAMMAR_WHEELS")
        platform, libraries = _of_wheels(Path(folder)) if folder else _of_packages()
        wanted = _grammars(Path(self.root))
        if missing := wanted - libraries.keys():
            raise SystemExit(f"{PACK} lacks grammars that indexer/languages.py names: {', '.join(sorted(missing))}")
        self._folder = tempfile.TemporaryDirectory()
        archive = Path(self._folder.name) / "grammars.zip"
        with ZipFile(archive, "w", ZIP_DEFLATED) as writer:
            for grammar in sorted(wanted):
                module, read = libraries[grammar]
                # The date is always the same, and so the wheel is.
                entry = ZipInfo(f"{grammar}/{module}.so")
                entry.compress_type = ZIP_DEFLATED
                writer.writestr(entry, read())
        build_data["force_include"][str(archive)] = TARGET
        build_data["pure_python"] = False
        build_data["tag"] = f"{PYTHON_TAG}-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made for the wheel."""
        if version != "editable":
            self._folder.cleanup()


def _grammars(root: Path) -> set[str]:
    """The grammars that languages have. The module is read by its path: pgdex is not installed where it is built."""
    spec = importlib.util.spec_from_file_location("pgdex_languages", root / "indexer" / "languages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return {language.grammar for language in module.LANGUAGES if language.grammar is not None}


def _of_packages() -> tuple[str, dict[str, Library]]:
    """The platform of the installed packages, and their libraries by grammar."""
    found: dict[str, Library] = {}
    for name in (PACK, C_SHARP):
        for file in distribution(name).files or []:
            path = Path(str(distribution(name).locate_file(file)))
            found |= dict(_library(PurePosixPath(str(file)), path.read_bytes))
    return _platform(*(distribution(name).read_text("WHEEL") or "" for name in (PACK, C_SHARP))), found


def _of_wheels(folder: Path) -> tuple[str, dict[str, Library]]:
    """The same of the two wheels in a folder."""
    found: dict[str, Library] = {}
    said = []
    for name in (PACK, C_SHARP):
        wheels = list(folder.glob(f"{name.replace('-', '_')}-*.whl"))
        if len(wheels) != 1:
            raise SystemExit(f"PGDEX_GRAMMAR_WHEELS: {folder} must hold one wheel of {name}, and holds {len(wheels)}")
        archive = ZipFile(wheels[0])
        for entry in archive.namelist():
            found |= dict(_library(PurePosixPath(entry), partial(archive.read, entry)))
            if entry.endswith(".dist-info/WHEEL"):
                said.append(archive.read(entry).decode())
    return _platform(*said), found


def _library(path: PurePosixPath, read: Callable[[], bytes]) -> Iterator[tuple[str, Library]]:
    """The grammar in this file of a package, if it is one: its name, the module that it is, and how to read it."""
    if path.suffix == ".so":
        module = path.name.partition(".")[0]
        yield ("csharp" if path.parts[0] == "tree_sitter_c_sharp" else module), (module, read)


def _platform(pack: str, c_sharp: str) -> str:
    """The platform of a wheel with the libraries of both, by their files WHEEL: `manylinux2014_x86_64`.

    On Linux the pack asks for the newer system. On macOS it is for both processors, and the other wheel for one.
    """
    ours, other = (sorted(set(re.findall(r"^Tag: \S+-(\S+)$", text, re.MULTILINE))) for text in (pack, c_sharp))
    mac = re.compile(r"macosx_(\d+)_(\d+)_(\w+)")
    of_pack, of_c_sharp = mac.fullmatch(ours[0]), mac.fullmatch(other[0])
    if of_pack is None or of_c_sharp is None or of_pack[3] != "universal2":
        return ".".join(ours)
    major, minor = max((int(found[1]), int(found[2])) for found in (of_pack, of_c_sharp))
    return f"macosx_{major}_{minor}_{of_c_sharp[3]}"
