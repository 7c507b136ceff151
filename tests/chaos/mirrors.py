"""What can befall the mirrors of git sources, on the disks of the machines whose workers fetch them."""

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

FETCH_SECONDS = 2.0


def mirror_folders(processes: Path) -> list[Path]:
    """The folders of all homes that hold mirrors."""
    return sorted(path for path in processes.glob("**/mirrors") if path.is_dir())


def damage(processes: Path, dice: random.Random) -> bool:
    """Cut off a pack of some mirror in the middle; false where there is none."""
    packs = [pack for folder in mirror_folders(processes) for pack in folder.glob("*/objects/pack/*.pack")]
    if not packs:
        return False
    pack = dice.choice(sorted(packs))
    try:
        content = pack.read_bytes()
        pack.chmod(0o600)
        pack.write_bytes(content[: len(content) // 2])
    except FileNotFoundError:
        return False  # it was just replaced
    return True


def remove(processes: Path, dice: random.Random) -> bool:
    """Remove some mirror while it may be read; false where there is none."""
    found = [path for folder in mirror_folders(processes) for path in folder.glob("*.at-*")]
    if not found:
        return False
    shutil.rmtree(dice.choice(sorted(found)), ignore_errors=True)
    return True


def fetching(workers: list[int]) -> int | None:
    """The number, among processes of workers, of one that has git running just now; waits for that a little."""
    end = time.monotonic() + FETCH_SECONDS
    while time.monotonic() < end:
        for number, pid in enumerate(workers):
            if any(name.startswith("git") for name in _children(pid)):
                return number
        time.sleep(0.005)
    return None


def _children(pid: int) -> Iterator[str]:
    try:
        for child in psutil.Process(pid).children():
            yield child.name()
    except psutil.Error:
        return
