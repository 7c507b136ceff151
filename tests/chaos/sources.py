"""Repositories that change from one job to the next, in which no two chunks are alike.

What is embedded of a file names its repository, its number and the generation that it was last changed in, so that
each text has to be embedded once in the whole run, and whatever is embedded again is work done twice.
"""

import os
import time
from pathlib import Path

from tests.support.trees import write_tree

FUNCTIONS = 5  # chunks of a module: a batch of eight is two requests to the embedding service
LINES = 12
MAX_FILE_BYTES = 20_000
LONG_AGO_SECONDS = 3600.0  # a file that is newer than its reading is looked at again by the next job


def write_generation(root: Path, label: str, generation: int, *, modules: int) -> None:
    """Make `root` what it is in this generation: of the generation before it a quarter of the modules stays, some
    of those with a new modification time; some modules are gone, others are back; skipped files come and go."""
    files = generation_of(label, generation, modules=modules)
    for path in [path for path in root.rglob("*") if path.is_file() or path.is_symlink()]:
        if path.relative_to(root).as_posix() not in files:
            path.unlink()
    changed = {
        name: content
        for name, content in files.items()
        if not (root / name).exists() or (root / name).read_bytes() != content or _is_touched(name, generation)
    }
    root.mkdir(parents=True, exist_ok=True)
    write_tree(root, changed)
    stamp = time.time() - LONG_AGO_SECONDS + generation
    for name in changed:
        os.utime(root / name, (stamp, stamp))


def generation_of(label: str, generation: int, *, modules: int) -> dict[str, str | bytes]:
    """Every file of the repository, by its path."""
    files: dict[str, str | bytes] = {
        f"{label}_{number // 25}/module_{number}.py": _module(label, number, _version(number, generation))
        for number in range(modules)
        if (number + 2 * generation) % 13
    }
    skipped: dict[str, str | bytes] = {
        "image.bin": b"\x89PNG\0\1\2" * 50,
        "empty.py": "",
        "bundle.min.js": "var a=1;" * 1000,
        "large.txt": "a line of text\n" * (MAX_FILE_BYTES // 10),
        "broken.txt": b"\x81\x8d\x8f\x90\x9d" * 50,
        "node_modules/left/index.js": "module.exports = 1\n",
        # Skipped in every other generation, for what it holds.
        "turns.py": f"turn_{label}_{generation} = 1\n" if generation % 2 else b"\0\1\2\3",
    }
    for name, content in skipped.items():
        files[f"{label}_odd/{name}"] = content.encode() if isinstance(content, str) else content
    return files


def _version(number: int, generation: int) -> int:
    """The generation in which a module was last changed."""
    return generation if generation == 0 or (number + generation) % 4 else generation - 1


def _is_touched(name: str, generation: int) -> bool:
    return (len(name) + sum(name.encode()) + generation) % 9 == 0


def _module(label: str, number: int, version: int) -> bytes:
    functions = (_function(f"{label}_{number}_{part}_v{version}") for part in range(FUNCTIONS))
    return f'"""Module {number} of {label}."""\n\n\n{"".join(functions)}'.encode()


def _function(name: str) -> str:
    lines = "".join(f'    value_{k + 1} = transform(value_{k}, "{name}", step={k}, exact=True)\n' for k in range(LINES))
    return f'def load_{name}(value_0: str) -> str:\n    """Load {name}."""\n{lines}    return value_{LINES}\n\n\n'
