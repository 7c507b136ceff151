"""Environments for clients: made once, from pinned requirements, and made again when these change."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from filelock import FileLock

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
CACHE = CHECKOUT / ".cache" / "clients"
INSTALL_SECONDS = 500.0
RUN_SECONDS = 90.0


def environment_of(name: str) -> Path:
    """The python of an environment with requirements/NAME.txt in it. Raises CalledProcessError."""
    requirements = HERE / "requirements" / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    folder = CACHE / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / f"{name}.lock"):
        if not stamp.exists() or stamp.read_text() != digest:
            stamp.unlink(missing_ok=True)
            _run([sys.executable, "-m", "virtualenv", "--quiet", "--no-download", "--clear", str(folder)])
            options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--no-compile"]
            _run([str(python), "-m", "pip", "install", *options, "-r", str(requirements)])
            stamp.write_text(digest)
    return python


def run_client(name: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run programs/NAME.py in its environment: it gets the task as JSON on stdin and answers with JSON on its last
    line.

    Its own pgdex is not there, and nor are the settings of whoever runs this.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PGDEX_", "PYTHON", "OPENAI_"))}
    finished = subprocess.run(
        [str(environment_of(name)), "-P", str(HERE / "programs" / f"{name}.py")],
        input=json.dumps(task),
        env=kept | {"FASTMCP_CHECK_FOR_UPDATES": "off", "OPENAI_AGENTS_DISABLE_TRACING": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    answer: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
    return answer


def _run(command: list[str]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert finished.returncode == 0, f"{command}\n{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}"
