"""How long a job will take, said before it starts."""

from pathlib import Path

from jobs.client import Client
from jobs.estimates import estimated_duration, tree_size

COUNTING_SECONDS = 0.3


def estimated_duration_seconds(client: Client, root: Path, *, embedder: str) -> int:
    """Seconds for everything in `root`, at least 1; less where most of it is unchanged, more where it was too large to
    count."""
    settings = client.settings
    size = tree_size(root, max_file_bytes=settings.max_file_bytes, within_seconds=COUNTING_SECONDS)
    alive = sum(worker.alive for worker in client.workers())
    workers = alive or settings.worker_processes  # those that are started for it
    return max(1, round(estimated_duration(client.connection, size, embedder=embedder, workers=workers).seconds))
