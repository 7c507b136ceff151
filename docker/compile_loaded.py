"""Compile what pgdex loads, and nothing else: `python docker/compile_loaded.py`, once, when an image is built.

In an image nobody may write beside the code, so bytecode that is missing there is made again by each process that
starts. Compiling everything, as pip does, takes 55 MB, most of it for modules that are never imported (SQLAlchemy's
other databases, Pygments' languages, numpy's tests). Importing writes what is needed: every module of pgdex, and
whatever these import, also inside of functions.
"""

import ast
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

STARTED = ("pgdex.jobs.cli.__main__", "pgdex.migrations.env")
"""Modules that do something when they are imported, and mostly end with an exit or an error."""


def modules_of(package: str) -> Iterator[str]:
    """The modules of a package, by their full names."""
    spec = importlib.util.find_spec(package)
    for path in (spec.submodule_search_locations or []) if spec else []:
        for found in pkgutil.walk_packages([path], f"{package}."):
            yield found.name


def imported_by(module: str) -> Iterator[str]:
    """What the source of a module imports, wherever the statement stands: modules, and names that may be modules."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return
    for node in ast.walk(ast.parse(Path(spec.origin).read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def load(name: str) -> bool:
    """Import a module; whether that worked. What is optional, or for another system, is left out."""
    try:
        importlib.import_module(name)
    except (Exception, SystemExit):
        return False
    return True


def main() -> int:
    """Load everything and say how much; 0 where all of pgdex could be loaded."""
    sys.dont_write_bytecode = False  # the build may have switched that off for itself
    # One after the other: to find the modules of a package, the package is imported.
    try:
        own = list(modules_of("pgdex"))
    except Exception as error:
        print(f"pgdex can't be imported: {error}", file=sys.stderr)
        return 1
    broken = [module for module in own if module not in STARTED and not load(module)]
    if broken or not own:
        print(f"these modules of pgdex can't be imported: {', '.join(broken) or 'all'}", file=sys.stderr)
        return 1
    names = sorted({name for module in own for name in [module, *imported_by(module)]})
    # Chosen by name at run time, so no import names it.
    loaded = sum(map(load, [*names, "sqlalchemy.dialects.postgresql.psycopg"]))
    print(f"compiled what pgdex loads: {loaded} modules of {len(names)} names")
    return 0


if __name__ == "__main__":
    sys.exit(main())
