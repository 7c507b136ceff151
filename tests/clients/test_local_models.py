"""ONNX models in this process, with the real fastembed and onnxruntime. Run with: make test-clients

These are no dependency of pgdex's development: the present onnxruntime has no wheels for some machines that pgdex runs
on, and fastembed wants an older huggingface-hub than model2vec brings.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.environments import CHECKOUT, HERE, environment_of

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]


def test_the_embedder_of_local_models_keeps_what_it_promises(tmp_path: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PGDEX_", "PYTHON", "HF_", "COV"))}
    options = ["-q", "--noconftest", "-p", "no:cacheprovider", "-c", os.devnull, "--import-mode=importlib"]
    finished = subprocess.run(
        [environment_of("fastembed"), "-P", "-m", "pytest", *options, HERE / "programs" / "local_models.py"],
        # No hub: what isn't in the cache can't be had.
        env=kept | {"PYTHONPATH": str(CHECKOUT), "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-6000:] + finished.stderr[-1000:]
    passed = re.search(r"^(\d+) passed", finished.stdout, flags=re.MULTILINE)
    assert passed is not None, finished.stdout
    assert int(passed[1]) >= 58, "tests have got lost"
