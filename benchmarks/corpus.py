"""The source trees that the benchmarks index, fetched from PyPI once."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

CACHE = Path(__file__).parent / ".cache"
ANSIBLE = "ansible==12.3.0"  # 21,488 files, 211 MB, mostly Python and YAML


def fetch(requirement: str = ANSIBLE) -> Path:
    """The unpacked wheel of `requirement`."""
    target = CACHE / requirement.replace("==", "-")
    if not target.exists():
        CACHE.mkdir(exist_ok=True)
        download = CACHE / "download"
        shutil.rmtree(download, ignore_errors=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(download), requirement],
            check=True,
        )
        unpacked = CACHE / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)
        with zipfile.ZipFile(next(download.glob("*.whl"))) as wheel:
            wheel.extractall(unpacked)
        unpacked.rename(target)
        shutil.rmtree(download)
    return target


def copy_of(tree: Path, target: Path) -> Path:
    """A copy to change, with the files' times."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(tree, target, symlinks=True)
    return target
