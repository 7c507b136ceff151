"""Where grammars come from: out of the archive that the wheel brings, in a checkout from tree-sitter-language-pack.

The pack's libraries take 192 MB, most of it tables full of repetition. `hatch_build.py` puts those that
`indexer/languages.py` names into one zip archive of 11 MB, unchanged. A grammar is unpacked when the first file needs
it, into memory: nothing is left behind on a disk, and no disk has to be writable, have room, or allow programs.
"""

import errno
import os
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable
from functools import cache
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import cast
from zipfile import BadZipFile, ZipFile

from tree_sitter import Language

ARCHIVE = Path(__file__).with_name("grammars.zip")
"""One entry for each grammar, GRAMMAR/MODULE.so: the library, and the name of the Python module that it is."""
DISTRIBUTION = "tree-sitter-language-pack"


class GrammarMissing(Exception):
    """This installation has no such grammar."""


def load_grammar(name: str) -> Language:
    """The grammar of this name, which is one of tree-sitter-language-pack's. Each is loaded once in a process.

    Raises GrammarMissing, and OSError or MemoryError where this process has run out of something.
    """
    with _loading:
        language = _by_name.get(name)
        if language is None:
            entry = _entries().get(name)
            language = _of_the_pack(name) if entry is None else _of_the_archive(name, entry)
            _by_name[name] = language
    return language


_loading = threading.Lock()
_by_name: dict[str, Language] = {}


def _of_the_archive(name: str, entry: str) -> Language:
    try:
        with ZipFile(ARCHIVE) as archive:
            library = archive.read(entry)
    except (BadZipFile, zlib.error) as error:
        raise GrammarMissing(f"{ARCHIVE} is damaged ({error}): install pgdex again") from error
    return _loaded(name, module=Path(entry).stem, library=library)


@cache
def _entries() -> dict[str, str]:
    """What the archive has, by grammar; nothing in a checkout."""
    try:
        with ZipFile(ARCHIVE) as archive:
            return {entry.partition("/")[0]: entry for entry in archive.namelist() if entry.endswith(".so")}
    except FileNotFoundError:
        return {}
    except BadZipFile as error:
        raise GrammarMissing(f"{ARCHIVE} is damaged ({error}): install pgdex again") from error


def _of_the_pack(name: str) -> Language:
    try:
        from tree_sitter_language_pack import SupportedLanguage, get_language
    except ImportError as error:
        missing = f"{ARCHIVE.name} in {ARCHIVE.parent} lacks it" if _entries() else f"there is no {ARCHIVE}"
        raise GrammarMissing(
            f"the grammar {name!r} is not installed: {missing}, and {DISTRIBUTION} can't be imported ({error}). "
            "Install pgdex from its wheel, or in a checkout run `make install`"
        ) from error
    try:
        return get_language(cast(SupportedLanguage, name))
    except LookupError as error:
        raise GrammarMissing(f"{DISTRIBUTION} has no grammar {name!r}: {error}") from error


def _loaded(name: str, *, module: str, library: bytes) -> Language:
    """The grammar in a shared library. Raises what `load_grammar` raises."""
    refusals = []
    for load in (_from_memory, _from_a_temporary_file):
        try:
            return load(name, module, library)
        except (ImportError, PermissionError) as error:
            refusals.append(str(error))
    raise GrammarMissing(
        f"the grammar {name!r} can't be loaded here: {'; '.join(refusals)}. Is pgdex installed for this system, and "
        "may programs be run from the folder for temporary files (TMPDIR)?"
    )


_in_memory: list[int] = []
"""The files in memory that libraries were loaded from. They stay open: the loader knows a library by its path, and a
closed file's number would give the next one the same path, and with it the wrong library."""


def _from_memory(name: str, module: str, library: bytes) -> Language:
    # Pythons of uv (until summer 2026) and conda are built for an older glibc and lack the function on any Linux.
    if sys.platform != "linux" or not hasattr(os, "memfd_create"):
        raise ImportError("this Python has no files in memory")
    try:
        file = os.memfd_create(f"pgdex-{name}")  # PermissionError where vm.memfd_noexec is 2
    except OSError as error:
        if error.errno == errno.ENOSYS:
            raise ImportError("this kernel has no files in memory") from error
        raise
    try:
        with open(file, "wb", closefd=False) as writer:
            writer.write(library)
        language = _imported(module, f"/proc/self/fd/{file}")
    except BaseException:
        os.close(file)
        raise
    _in_memory.append(file)
    return language


def _from_a_temporary_file(name: str, module: str, library: bytes) -> Language:
    with tempfile.NamedTemporaryFile(prefix=f"pgdex-{name}-", suffix=".so") as file:
        file.write(library)
        file.flush()
        return _imported(module, file.name)


def _imported(module: str, path: str) -> Language:
    name = f"{__name__}.{module}"  # there are grammars of html, json and xml: sys.modules has others of these names
    loader = ExtensionFileLoader(name, path)
    spec = spec_from_file_location(name, path, loader=loader)
    assert spec is not None, "a loader was given"
    made = module_from_spec(spec)
    loader.exec_module(made)
    language: Callable[[], object] = made.language
    return Language(language())
