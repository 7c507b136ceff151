"""Build what a release uploads: `python release/build.py [PLATFORM …]`, or `make dist PLATFORMS="…"`.

Into dist/ go the sdists of `pgdex` and `pgdex-core` and, made from them, their wheels: for this machine, or for each
PLATFORM as pip names it (`manylinux2014_aarch64`). Only the grammars inside depend on the platform, so nothing is
compiled: for another platform they are taken from the wheels for that one, whose hashes stand in
requirements-build.lock.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
sys.path.insert(0, str(Path(__file__).parent))

from core import write_project  # noqa: E402  # it stands beside this script, which is run by its path


def run(*command: str, folder: Path = ROOT, **variables: str) -> None:
    """A program of this environment's Python, to its end. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", *command], cwd=folder, env=os.environ | variables, check=True)


def grammar_wheels(platform: str, folder: Path) -> Path:
    """A folder with the two wheels that hold the grammars of a platform."""
    target = folder / platform
    chosen = ["--platform", platform, "--python-version", "3.11", "--only-binary", ":all:"]
    locked = ["--no-deps", "--require-hashes", "--requirement", "requirements-build.lock"]
    run("pip", "download", "--quiet", *chosen, *locked, "--dest", str(target))
    return target


def main(platforms: list[str]) -> int:
    """Build everything; 0 where that worked."""
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="pgdex-release-") as temporary:
        core = Path(temporary) / "core"
        write_project(core)
        for project in (ROOT, core):
            run("hatchling", "build", "--target", "sdist", "--directory", str(DIST), folder=project)
        # From the sdists, as whoever has only those will make them: what they lack is noticed here.
        sdists = [str(file) for file in sorted(DIST.glob("*.tar.gz"))]
        wheel = ("pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(DIST), *sdists)
        if not platforms:
            run(*wheel)
        for platform in platforms:
            run(*wheel, PGDEX_GRAMMAR_WHEELS=str(grammar_wheels(platform, Path(temporary))))
    for file in sorted(DIST.iterdir()):
        print(f"{file.stat().st_size / 1e6:6.1f} MB  dist/{file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
