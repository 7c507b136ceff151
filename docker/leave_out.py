"""Remove what no program that runs ever reads: `python docker/leave_out.py`, with an environment's own Python, once,
when an image is built.

Tests of the dependencies, what compilers and type checkers read (headers, Cython's sources, stubs), and the parts of
lxml beside its etree, which is all that python-docx imports.
"""

import shutil
import sysconfig
from pathlib import Path

READ_BY_COMPILERS = ("*.pyi", "*.pxd", "*.pyx", "*.h")
UNUSED = ("lxml/html", "lxml/includes", "lxml/isoschematron", "lxml/objectify.*", "lxml/sax.*")


def main() -> None:
    """Remove it and say how much that was."""
    packages = Path(sysconfig.get_path("purelib"))
    before = size_of(packages)
    for folder in [path for path in packages.rglob("tests") if path.is_dir()]:
        shutil.rmtree(folder, ignore_errors=True)
    for pattern in READ_BY_COMPILERS:
        for path in list(packages.rglob(pattern)):
            path.unlink()
    for pattern in UNUSED:
        for path in list(packages.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    print(f"left out {(before - size_of(packages)) / 1e6:.1f} MB")


def size_of(folder: Path) -> int:
    """The bytes of all files in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
