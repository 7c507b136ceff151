"""Grammars out of the archive that the wheel brings: those of the pack, loaded wherever a system allows it."""

import errno
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import cast
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import tree_sitter_c_sharp
import tree_sitter_language_pack
from tree_sitter import Parser

from pgdex.indexer.chunking import GrammarMissing, chunk_file, grammars, parsing
from pgdex.indexer.languages import LANGUAGES, language_named
from pgdex.jobs.cli.diagnosis.machine import grammars_check

SOURCE = b"def f(x):\n    return x\n"
BINDINGS = Path(tree_sitter_language_pack.__file__).parent / "bindings"


def library(grammar: str) -> tuple[str, bytes]:
    """The entry of a grammar in the archive, and the library of the pack that belongs there."""
    if grammar == "csharp":
        file = next(Path(tree_sitter_c_sharp.__file__).parent.glob("_binding*.so"))
    else:
        file = next(BINDINGS.glob(f"{grammar}.*"))
    return f"{grammar}/{file.name.partition('.')[0]}.so", file.read_bytes()


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An archive of a few grammars, and nothing loaded yet."""
    path = tmp_path / "grammars.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as writer:
        for grammar in ("python", "html", "json", "csharp", "xml"):
            writer.writestr(*library(grammar))
    monkeypatch.setattr(grammars, "ARCHIVE", path)
    monkeypatch.setattr(grammars, "_by_name", {})
    monkeypatch.setattr(parsing, "_parsers", parsing._Parsers())  # those that other tests have made still work
    grammars._entries.cache_clear()
    yield path
    grammars._entries.cache_clear()


def tree_of(grammar: str, source: bytes = SOURCE) -> str:
    return str(Parser(grammars.load_grammar(grammar)).parse(source).root_node)


def refuse_memory(_name: str) -> int:
    raise PermissionError(1, "memfd_create: vm.memfd_noexec is 2")


def lack_memory(_name: str) -> int:
    raise OSError(errno.ENOSYS, "memfd_create: Function not implemented")


@pytest.mark.parametrize("grammar", ["python", "html", "csharp", "xml"])
def test_a_grammar_of_the_archive_parses_as_that_of_the_pack(archive: Path, grammar: str) -> None:
    name = cast(tree_sitter_language_pack.SupportedLanguage, grammar)
    of_the_pack = Parser(tree_sitter_language_pack.get_language(name))
    expected = str(of_the_pack.parse(SOURCE).root_node)
    assert tree_of(grammar) == expected


def test_two_grammars_loaded_one_after_the_other_are_not_mixed_up(archive: Path) -> None:
    trees = [tree_of("python"), tree_of("csharp"), tree_of("xml")]
    assert len(set(trees)) == 3
    assert trees[0].startswith("(module (function_definition")


def test_loading_a_grammar_takes_no_module_of_the_standard_library_away(archive: Path) -> None:
    import html

    grammars.load_grammar("html")
    assert sys.modules["html"] is html
    assert html.escape("<") == "&lt;"


@pytest.mark.parametrize("memory", [refuse_memory, lack_memory, None], ids=["forbidden", "old kernel", "old glibc"])
def test_where_no_program_may_lie_in_memory_a_temporary_file_does_and_is_gone_afterwards(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: Callable[[str], int] | None
) -> None:
    if memory is None:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    else:
        monkeypatch.setattr(os, "memfd_create", memory, raising=False)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    assert tree_of("python").startswith("(module (function_definition")
    assert list(folder.iterdir()) == []


def test_where_neither_may_be_used_the_error_names_both_reasons(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "memfd_create", refuse_memory, raising=False)

    def refused(loader: ExtensionFileLoader, spec: object) -> object:
        raise ImportError(f"{loader.path}: failed to map segment from shared object")

    monkeypatch.setattr(ExtensionFileLoader, "create_module", refused)
    with pytest.raises(GrammarMissing, match=r"memfd_noexec.*failed to map segment.*TMPDIR"):
        grammars.load_grammar("python")


def test_a_grammar_that_fails_to_load_leaves_no_file_open(archive: Path) -> None:
    with ZipFile(archive, "w") as writer:
        writer.writestr("python/python.so", b"no library")
    grammars._entries.cache_clear()
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    for _ in range(3):
        with pytest.raises(GrammarMissing, match="installed for this system"):
            grammars.load_grammar("python")
    assert sys.platform != "linux" or len(os.listdir("/proc/self/fd")) == before


def test_a_damaged_archive_is_named(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:1000])
    with pytest.raises(GrammarMissing, match="is damaged"):
        grammars.load_grammar("python")


def test_doctor_names_every_language_that_lacks_its_grammar_and_each_reason_once(archive: Path) -> None:
    archive.write_bytes(b"no archive")
    check = grammars_check()
    assert check.outcome == "failed"
    assert "python, javascript, " in check.finding
    assert check.finding.count("is damaged") == 1
    assert check.advice is not None


def test_a_file_whose_grammar_is_missing_fails_and_is_not_quietly_cut_by_lines(tmp_path: Path) -> None:
    """In a process that has neither an archive nor the pack, as after a build gone wrong."""
    code = (
        "import sys; sys.modules['tree_sitter_language_pack'] = None\n"
        "from pathlib import Path\n"
        "from pgdex.indexer.chunked_files import FileChunker\n"
        "from pgdex.indexer.chunking import GrammarMissing\n"
        "from pgdex.indexer.stopwatch import Stopwatch\n"
        "chunker = FileChunker(max_file_bytes=1000, aborted=lambda: False, stopwatch=Stopwatch())\n"
        "try: print(chunker.chunked(Path(sys.argv[1]), 'a.py'))\n"
        "except GrammarMissing as error: print('missing:', error)\n"
    )
    (tmp_path / "a.py").write_bytes(SOURCE)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("missing: the grammar 'python' is not installed"), done.stdout


def test_threads_that_need_a_grammar_at_once_load_it_once(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    loaded: list[str] = []
    original = grammars._loaded

    def counted(name: str, *, module: str, library: bytes) -> object:
        loaded.append(name)
        return original(name, module=module, library=library)

    monkeypatch.setattr(grammars, "_loaded", counted)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(grammars.load_grammar, ["python"] * 32))
    assert loaded == ["python"]


def test_in_a_checkout_every_grammar_comes_from_the_pack() -> None:
    """What the build takes them from: a grammar that the pack lacks would fail the build of the wheel."""
    assert not grammars.ARCHIVE.exists()
    wanted = {language.grammar for language in LANGUAGES if language.grammar is not None}
    assert {name for name in wanted if not library(name)[1]} == set()
    assert chunk_file(SOURCE.decode(), language_named("python"))[0].symbol == "f"
    assert sysconfig.get_path("purelib") in tree_sitter_language_pack.__file__
