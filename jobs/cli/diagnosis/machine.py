"""Checks of this machine: the folder, the embedding model, the grammars."""

import os
import shutil
from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, failed, ok, warning
from pgdex.jobs.cli.render.text import size

if TYPE_CHECKING:
    from pgdex.jobs.settings import Settings

LITTLE_SPACE = 5_000_000_000  # 200,000 chunks with their vectors and indexes take about 1 GB
NO_SPACE = 500_000_000
# Of the languages that most repositories are written in.
EXTENSIONS = (
    *("py", "js", "ts", "tsx", "go", "rs", "java", "kt", "scala", "c", "h", "cpp", "cs", "swift", "rb", "php", "pl"),
    *("lua", "sh", "ps1", "r", "jl", "hs", "ml", "ex", "erl", "clj", "lisp", "dart", "zig", "f90", "css", "scss"),
    *("html", "vue", "svelte", "proto", "tf", "cmake", "mk", "dockerfile"),
)


def home_check(settings: "Settings") -> Check:
    """PGDEX_HOME: may we write there, and is there room?"""
    home = settings.home
    folder = next(parent for parent in (home, *home.parents) if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        return failed(
            "folder", f"{home} can't be written by this user", "Set PGDEX_HOME to a folder that you can write to."
        )
    free = shutil.disk_usage(folder).free
    finding = f"{home}, {size(free)} free"
    if settings.database_url is not None:
        return ok("folder", f"{finding} (for logs; the index is in the database)")
    if free < NO_SPACE:
        return failed("folder", finding, "Free some space, or set PGDEX_HOME to a folder on a larger disk.")
    if free < LITTLE_SPACE:
        return warning(
            "folder", finding, "An index takes about five times the size of its source code: free some space."
        )
    return ok("folder", finding)


def embedder_check(settings: "Settings") -> Check:
    """Embed one short text."""
    from pgdex.indexer.embedding import EmbedderError, EmbedderUnavailable
    from pgdex.jobs.embedders import embedder_for

    try:
        embedder = embedder_for(settings.embedder)
    except EmbedderUnavailable as error:
        return failed("embedder", str(error), "Start the service, or correct PGDEX_EMBEDDER_URL. Jobs wait meanwhile.")
    except EmbedderError as error:
        return failed("embedder", str(error), "Correct PGDEX_EMBEDDER, PGDEX_EMBEDDER_URL or PGDEX_EMBEDDER_API_KEY.")
    finding = f"{embedder.name}, {embedder.dimension} dimensions"
    if embedder.name.partition(":")[0] == "hashing":
        finding += " (matches words, not meaning; PGDEX_EMBEDDER sets a model)"
    return ok("embedder", finding)


def grammars_check() -> Check:
    """Load the grammars of common languages and parse with them."""
    broken: dict[str, list[str]] = {}
    languages: set[str] = set()
    try:
        from pgdex.indexer.chunking import chunk_file
        from pgdex.indexer.languages import language_of
    except ImportError as error:
        return failed("grammars", f"tree-sitter can't be loaded: {error}", "Install pgdex and its dependencies again.")
    for extension in EXTENSIONS:
        language = language_of(f"sample.{extension}")
        if language.grammar is None:
            continue
        try:
            chunk_file("x\n", language)
        except Exception as error:
            broken.setdefault(f"{type(error).__name__}: {error}", []).append(language.name)
        languages.add(language.name)
    if broken:
        # One line for each reason: most often it is the same for all.
        reasons = "; ".join(f"{', '.join(dict.fromkeys(names))} ({reason})" for reason, names in broken.items())
        return failed("grammars", f"can't be loaded: {reasons}", "Install pgdex again, from its wheel.")
    return ok("grammars", f"{len(languages)} common languages load")
