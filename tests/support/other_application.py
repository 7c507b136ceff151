"""Someone's own procrastinate application in the database that pgdex is in; run as a process of its own.

    python -m tests.support.other_application SCHEMA QUEUE

Its schema must be there. It defers a job that takes a minute, works on it, and prints the job's number and, whenever a
line comes in, the job's status.
"""

import asyncio
import os
import sys

import procrastinate
from procrastinate import PsycopgConnector


async def main(schema: str, queue: str) -> None:
    url = os.environ["OTHER_DATABASE_URL"]
    connector = PsycopgConnector(conninfo=url, kwargs={"options": f"-c search_path={schema}"})
    app = procrastinate.App(connector=connector)

    @app.task(name="billing", queue=queue)
    async def billing() -> None:
        await asyncio.sleep(60)

    async with app.open_async():
        number = await billing.defer_async()
        working = asyncio.create_task(app.run_worker_async(queues=[queue], install_signal_handlers=False))
        while (await app.job_manager.get_job_status_async(number)).value == "todo":
            await asyncio.sleep(0.05)
        print(number, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print((await app.job_manager.get_job_status_async(number)).value, flush=True)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
