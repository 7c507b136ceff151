"""How long a job will take, said before it starts."""

from pathlib import Path

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.estimates import Duration, estimated_duration, tree_size
from pgdex.jobs.client.workers import living_workers

COUNTING_SECONDS = 0.3


def estimate_of(client: Client, root: Path, *, project: str, embedder: str) -> Duration:
    """How long everything in `root` will take; less where most of it is unchanged."""
    settings = client.settings
    row = client.connection.execute(
        "select no_ignore from pgdex.repositories where project_id = %s and root = %s and removed_at is null",
        [project, str(root)],
    ).fetchone()
    size = tree_size(
        root,
        max_file_bytes=settings.max_file_bytes,
        within_seconds=COUNTING_SECONDS,
        heeds_git=row is None or not row[0],
    )
    workers = len(living_workers(client.connection)) or settings.worker_processes  # those that are started for it
    return estimated_duration(client.connection, size, embedder=embedder, workers=workers)
