"""What a worker has to load before it registers: a job's first batch waits for that."""

import subprocess
import sys

LOADED = "import sys, procrastinate.cli, pgdex.jobs.tasks, pgdex.jobs.worker.process; print(*sys.modules, sep='\\n')"
# Together they take as long as all that a worker needs to register and to do a scan.
ONLY_FOR_INDEXING = {"numpy", "tree_sitter", "tree_sitter_language_pack", "pgdex.indexer.pipeline"}
ONLY_FOR_SERVERS = {"pydantic", "mcp", "httpx2", "alembic", "sqlalchemy", "rich"}


def test_a_worker_registers_before_it_loads_what_only_indexing_needs() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", LOADED], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"procrastinate", "psycopg"} <= loaded, "the list is there"
    assert not loaded & (ONLY_FOR_INDEXING | ONLY_FOR_SERVERS)
