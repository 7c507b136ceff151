"""Mounting in tests, where the system and the user allow it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(source: Path, place: Path) -> Iterator[None]:
    """`source` at `place` inside the block, if it is not unmounted before; skips the test where that can't be."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("only Linux has bind mounts")
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "--bind", str(source), str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        unmount(place)


def unmount(place: Path) -> None:
    """Take away whatever is mounted at `place`, also from under processes that use it."""
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


@contextmanager
def tiny_disk(place: Path, size: str) -> Iterator[None]:
    """A file system in memory of that size (as in `512k`) at `place`; skips the test where that can't be."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("only Linux has tmpfs")
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        unmount(place)
