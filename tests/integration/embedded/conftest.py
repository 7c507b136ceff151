"""A home of the test's own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.embedded.homes import end_everything


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty folder directly below /tmp, which root's server can enter too; nothing runs in it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pgdex-home-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    end_everything(folder)
    shutil.rmtree(folder, ignore_errors=True)
