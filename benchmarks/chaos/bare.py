"""procrastinate alone: one task, and the command line `procrastinate --app=benchmarks.chaos.bare.app worker`.

Everything has procrastinate's defaults. A job sleeps, and then writes its row with procrastinate's own connector.
"""

import asyncio
import os

import procrastinate

RESULTS = """
    create table results (unit integer primary key, executions integer not null, done_at timestamptz not null)
"""
DONE = """
    insert into results (unit, executions, done_at) values (%(unit)s, 1, clock_timestamp())
    on conflict (unit) do update set executions = results.executions + 1
"""

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=lambda: os.environ["BARE_DATABASE_URL"]),
    import_paths=["benchmarks.chaos.bare"],
)


@app.task(name="unit")
async def unit(*, number: int, seconds: float) -> None:
    """One unit of work."""
    await asyncio.sleep(seconds)
    await app.connector.execute_query_async(DONE, unit=number)
