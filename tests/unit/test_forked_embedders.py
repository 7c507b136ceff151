"""Embedders in a process that was forked from one that had used them, as servers do that load their program first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.embedding_server import MODEL, EmbeddingServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")

START = "import os, sys, time\n"
OF_A_PROGRAM = """
from pathlib import Path
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.settings import Settings
settings = Settings(home=Path(sys.argv[1]), embedder=sys.argv[2], embedder_url=sys.argv[3])
def embeds():
    embedder = embedder_for(settings.embedder, settings)
    assert embedder.embed(["def f(): pass"]).shape == (1, 32)
    return embedder
before = embeds()
assert embeds() is before
began, child = time.monotonic(), os.fork()
assert (embeds() is before) == bool(child)
"""
OPENED_ONCE = """
from pgdex.indexer.embedding import open_embedder
embedder = open_embedder(sys.argv[2], url=sys.argv[3])
embedder.probe()
began, child = time.monotonic(), os.fork()
try:
    embedder.probe()
except RuntimeError as error:
    assert "was opened before a fork" in str(error) and not child
else:
    assert child
"""
END = """
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert time.monotonic() - began < 4.5, "the child waited for what runs in the parent, five seconds for each service"
"""


@pytest.mark.parametrize(
    "program", [OF_A_PROGRAM, OPENED_ONCE], ids=["opens its own", "is told of one that it was given"]
)
def test_a_forked_process_leaves_the_embedding_service_of_its_parent_and_waits_for_nothing(
    tmp_path: Path, program: str
) -> None:
    with EmbeddingServer() as server:
        ended = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import os, sys, time\n{program}{END}",
                str(tmp_path),
                f"ollama:{MODEL}",
                server.url,
            ],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert (ended.returncode, ended.stderr) == (0, "")
