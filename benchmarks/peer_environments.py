"""The virtual environments of other indexers, with exact versions, made by pip when they are needed."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.corpus import CACHE

ENVIRONMENTS = {
    "langchain": (
        "langchain-classic==1.0.8",
        "langchain-core==1.7.2",
        "langchain-postgres==0.0.19",
        "langchain-text-splitters==1.1.3",
        "asyncpg==0.32.0",
        "numpy==2.4.6",
        "psycopg[binary]==3.3.9",
        "sqlalchemy==2.1.9",
    ),
    "cocoindex": ("cocoindex[postgres]==1.0.26", "asyncpg==0.32.0", "numpy==2.4.6"),
    "semble": ("semble==0.7.0", "semble-grammars==0.1.2", "model2vec==0.10.0", "tree-sitter==0.26.1", "numpy==2.4.6"),
}


def interpreter(environment: str) -> Path:
    """The interpreter of a peer's environment, which is made if it is missing or holds other versions."""
    folder = CACHE / "peers" / environment
    python = folder / "bin" / "python"
    wanted = "\n".join(ENVIRONMENTS[environment])
    holds = folder / "holds.txt"
    if not holds.exists() or holds.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *ENVIRONMENTS[environment]], check=True)
        holds.write_text(wanted)
    return python
