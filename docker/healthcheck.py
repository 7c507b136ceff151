"""Health of a worker's container: exit code 0 where the database sees a living worker process of this host."""

import socket
import sys

import click

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import known_workers
from pgdex.jobs.errors import PgdexError
from pgdex.jobs.settings import settings


def main() -> int:
    """Look once, and say what was seen."""
    try:
        with Client.open(settings()) as client:
            ours = [worker for worker in known_workers(client.connection) if worker.hostname == socket.gethostname()]
    except PgdexError as error:
        click.echo(error)
        return 1
    alive = sum(worker.alive for worker in ours)
    click.echo(f"{alive} of {len(ours)} worker processes alive")
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main())
