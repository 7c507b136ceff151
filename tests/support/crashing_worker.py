"""A worker whose grammars are broken in ways that real ones are: `python -P -m tests.support.crashing_worker`.

tree-sitter's scanners are C code; the crashes that fuzzing found in them are worked around by now
(indexer/chunking/hazards.py), so these stand for those that nobody has found yet. What a file does to the process is
written in the file:

    KILL      the process dies as by the kernel's out-of-memory killer, whatever is tried with the file's text
    SEGFAULT  the same, but only when the file is parsed; by lines it can be cut
    HANG      the cutting never returns
    SPIN      the same, and no other thread of the process gets to run meanwhile
    RAISE     the cutting fails with an exception that nobody thought of; PARSE_RAISE: only when the file is parsed

And a folder whose name is HANG never answers when it is listed, as a network share whose server is gone.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from procrastinate.cli import main

import pgdex.indexer.chunked_files
from pgdex.indexer.chunking import Chunk, chunk_file
from pgdex.indexer.languages import Language
from pgdex.indexer.sources import OpenedRoot


def break_grammars(chunk_file: Callable[..., list[Chunk]]) -> Callable[..., list[Chunk]]:
    """`chunk_file`, with the crashes."""

    def crashing(text: str, language: Language, **options: Any) -> list[Chunk]:
        if "KILL" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "SEGFAULT" in text and language.grammar is not None:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "HANG" in text:
            time.sleep(3600)
        if re.search(r"\bRAISE\b", text) or ("PARSE_RAISE" in text and language.grammar is not None):
            raise IndexError("list index out of range")
        if "SPIN" in text:
            re.match(r"(a+)+$", "a" * 64 + "b")
        return chunk_file(text, language, **options)

    return crashing


def break_folders(listing: Callable[..., Any]) -> Callable[..., Any]:
    """`OpenedRoot.listing`, which never returns for some folders."""

    def hanging(self: OpenedRoot, path: bytes) -> Any:
        if path.endswith(b"HANG"):
            time.sleep(3600)
        return listing(self, path)

    return hanging


if __name__ == "__main__":
    setattr(OpenedRoot, "listing", break_folders(OpenedRoot.listing))  # noqa: B010 (mypy would refuse an assignment)
    # Where the pipeline looks it up.
    setattr(pgdex.indexer.chunked_files, "chunk_file", break_grammars(chunk_file))  # noqa: B010 (as above)
    sys.exit(main())
