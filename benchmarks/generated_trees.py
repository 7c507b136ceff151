"""Source trees that are made for a benchmark: many small files, of which no two have a chunk in common."""

import random
import shutil
from pathlib import Path

FILES_A_FOLDER = 100
FOLDERS_A_PART = 100
BYTES_A_FILE = 12_000  # of disk, with what the database needs for it; a block of the file system is 4,096


def small_file(number: int, *, functions: int = 1) -> str:
    """A Python module that is always the same for the same number. One function makes about 300 bytes, one chunk."""
    draw = random.Random(number)
    return f'"""Module {number}."""\n\n' + "\n\n".join(
        f"def handle_{number}_{n}(value: int) -> int:\n"
        f'    """Handle {draw.randbytes(24).hex()}."""\n'
        f"    limit = {draw.randrange(10**6)}\n"
        f"    if value > limit:\n"
        f"        return value - limit\n"
        f"    return value + {draw.randrange(10**6)}\n"
        for n in range(functions)
    )


def small_files(root: Path, count: int, *, functions: int = 1) -> Path:
    """`count` small files below `root`, a hundred in a folder. Raises RuntimeError where the disk has no room."""
    root.mkdir(parents=True, exist_ok=True)
    require_disk_space(root, files=count)
    for number in range(count):
        folder = root / f"part_{number // (FILES_A_FOLDER * FOLDERS_A_PART)}" / f"package_{number // FILES_A_FOLDER}"
        if number % FILES_A_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"module_{number}.py").write_text(small_file(number, functions=functions))
    return root


def require_disk_space(folder: Path, *, files: int) -> None:
    """Raise RuntimeError where that many files and their rows don't fit on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < 2 * files * BYTES_A_FILE:
        raise RuntimeError(
            f"{files:,} files and their rows need about {files * BYTES_A_FILE / 1e9:.1f} GB below {folder}, and as"
            f" much again to spare; {free / 1e9:.1f} GB are free"
        )
