"""`pgdex worker` runs workers on this machine; `pgdex workers` lists those of all machines."""

import sys
from datetime import UTC, datetime

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.render.console import note, print_json, show
from pgdex.jobs.cli.session import open_client


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="How many worker processes (default: PGDEX_PROCESSES, or one per core).",
)
@click.option(
    "--slots",
    type=click.IntRange(1, 256),
    metavar="N",
    help="How many batches each process works on at once (default: PGDEX_SLOTS, or 1; 4 with an embedding service).",
)
@click.option(
    "--exit-when-idle",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Exit after this long without a job (default: never).",
)
@click.option(
    "--only-one", is_flag=True, hidden=True, help="Exit at once if such a supervisor is already running here."
)
def worker(*, processes: int | None, slots: int | None, exit_when_idle: float | None, only_one: bool) -> None:
    """Run worker processes on this machine until Ctrl-C or SIGTERM, and restart any that exits.

    Workers run the jobs. `pgdex index` starts some automatically if none are running; run your own as a service, on
    every machine that can reach the database and sees the repositories under the same paths. They log JSON to stderr,
    one object per line.
    """
    from pgdex.jobs.logging import log_as_json
    from pgdex.jobs.settings import settings
    from pgdex.jobs.worker.launcher import supervise

    log_as_json()
    configured = settings()
    number = processes or configured.worker_processes
    if sys.stderr.isatty():  # a log collector gets JSON only
        from pgdex.jobs.cli.render.text import count

        note(f"{count(number, 'worker process', 'worker processes')} on this machine; Ctrl-C stops them.")
    supervise(
        configured,
        processes=number,
        slots=slots or configured.worker_slots,
        exit_when_idle=exit_when_idle,
        only_one=only_one,
    )


@click.command()
@json_option
def workers(*, as_json: bool) -> None:
    """List the worker processes on all machines, live ones first."""
    from pgdex.jobs.client.workers import known_workers

    with open_client() as client:
        known = known_workers(client.connection)
    if as_json:
        import json

        print_json(json.dumps([one.document() for one in known], ensure_ascii=False, indent=2))
        return
    if not known:
        note("No workers are running. `pgdex index` starts some automatically; `pgdex worker` runs them as a service.")
        return
    from pgdex.jobs.cli.render.workers import workers_table

    show(workers_table(known, now=datetime.now(UTC)))
