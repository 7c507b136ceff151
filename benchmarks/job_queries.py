"""How quickly jobs are started, shown, listed and cancelled in a database with a million finished ones.

Run: python -m benchmarks.job_queries [--jobs 1000000] [--trials 200] [--write]
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from benchmarks.chaos.server import Server
from benchmarks.measure import machine, table, write_section
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.schema import upgrade
from tests.support.databases import settings_for
from tests.support.trees import python_tree

PROJECTS = 50
REPOSITORIES = 2_000
FILL = """
    insert into pgdex.projects (id) select 'project-' || p from generate_series(0, {projects} - 1) as p;
    insert into pgdex.repositories (project_id, name)
    select 'project-' || r % {projects}, 'repository-' || r from generate_series(1, {repositories}) as r;
    insert into pgdex.views (repository_id, project_id, root, name, is_default)
    select id, project_id, '/srv/team-' || id % 40 || '/' || name, name, true from pgdex.repositories order by id;
    alter table pgdex.indexing_jobs disable trigger user;
    insert into pgdex.indexing_jobs (
        view_id, project_id, repo_path, status, files_scanned, files_indexed, created_at, admitted_at, started_at,
        scanned_at, completed_at, cancelled_at, error_type, error_message, summary, progress_floor, embedder
    )
    select
        r.id, r.project_id, r.root, s.status, 100, 100, t.at, t.at, t.at, t.at,
        case when s.status <> 'cancelled' then t.at + interval '10 s' end,
        case when s.status = 'cancelled' then t.at + interval '10 s' end,
        case when s.status = 'failed' then 'RootUnavailable' end, case when s.status = 'failed' then 'gone' end,
        case when s.status = 'completed' then jsonb_build_object(
            'files_found', 100, 'files_indexed', 100, 'files_unchanged', 0, 'files_skipped', 0, 'files_deleted', 0,
            'skipped_by_reason', '{{}}'::jsonb, 'chunks_created', 0, 'duration_seconds', 10, 'seconds', '{{}}'::jsonb
        ) end, 100, 'hashing'
    from generate_series(1, {jobs}) as n
    cross join lateral (select now() - n * interval '30 seconds' as at) as t
    cross join lateral (
        select case when n % 50 = 0 then 'failed' when n % 20 = 0 then 'cancelled' else 'completed' end as status
    ) as s
    join pgdex.views r on r.id = 1 + n % {repositories};
    alter table pgdex.indexing_jobs enable trigger user;
    vacuum analyze pgdex.indexing_jobs, pgdex.views, pgdex.repositories;
"""


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=1_000_000)
    options.add_argument("--trials", type=int, default=200)
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="pgdex-bench-", dir="/tmp"))
    try:
        with Server() as server:
            settings = settings_for(server.url)
            upgrade(settings)
            with Client.open(settings) as client:
                fill(client, jobs=given.jobs)
                rows = [row(*case) for case in cases(client, folder, trials=given.trials)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report = f"{given.jobs:,} finished jobs, {given.trials} trials each, milliseconds.\n\n" + table(
        ["call", "p50", "p95", "max", "promise", "target"], rows
    )
    print(report)
    if given.write:
        write_section("job_queries", report)


def fill(client: Client, *, jobs: int) -> None:
    """A million finished jobs of 2,000 repositories in 50 projects, one every 30 seconds; three live ones."""
    statements = FILL.format(projects=PROJECTS, repositories=REPOSITORIES, jobs=jobs).split(";\n")
    for statement in statements:
        if statement.strip():
            client.connection.execute(statement.encode())
    for number in range(3):
        client.connection.execute("select pgdex.enqueue_job(%s)", [f"/srv/live-{number}"])


def cases(
    client: Client, folder: Path, *, trials: int
) -> list[tuple[str, Callable[[int], object], int, int | str, int | str]]:
    """Name, call, trials, promise and target in milliseconds."""
    trees = [python_tree(folder / f"repository_{number}", 5) for number in range(trials)]
    started: list[UUID] = []
    some = [str(found[0]) for found in client.connection.execute(
        "select id from pgdex.indexing_jobs tablesample system (0.1) limit 500"
    )]  # fmt: skip
    week = datetime.now(UTC) - timedelta(days=7)

    def start(number: int) -> None:
        started.append(client.start(trees[number]).job_id)

    lists: dict[str, Callable[[int], object]] = {
        "list": lambda _: client.list_jobs(),
        "list, status failed": lambda _: client.list_jobs(status=["failed"]),
        "list, status running": lambda _: client.list_jobs(status=["running", "pending", "blocked"]),
        "list, project": lambda n: client.list_jobs(project=f"project-{n % PROJECTS}"),
        "list, one repository": lambda n: client.list_jobs(repo=f"/srv/team-{n % 40}/repository-{n % 40 + 40}"),
        "list, folder of 50 repositories": lambda n: client.list_jobs(repo=f"/srv/team-{n % 40}"),
        "list, part of a name": lambda n: client.list_jobs(repo=f"sitory-{n + 100}"),
        "list, last week": lambda _: client.list_jobs(since=week),
        "list, failed of a project last week": lambda n: client.list_jobs(
            status=["failed"], project=f"project-{n % PROJECTS}", since=week
        ),
        "list, page 500": lambda _: client.list_jobs(limit=20, offset=10_000),
    }
    return [
        ("start", start, trials, 1000, 50),
        ("status", lambda n: client.status(some[n % len(some)]), trials, 100, 10),
        ("events", lambda n: client.events(started[n]), trials, "", ""),
        *((name, call, trials, 200, 20) for name, call in lists.items()),
        ("cancel", lambda n: client.cancel(started[n]), trials, "", ""),
    ]


def row(name: str, call: Callable[[int], object], trials: int, promise: int | str, target: int | str) -> list[str]:
    """Measure one call."""
    times = []
    for number in range(trials):
        before = time.perf_counter()
        call(number)
        times.append((time.perf_counter() - before) * 1000)
    times.sort()
    cells = [name, f"{times[trials // 2]:.1f}", f"{times[int(trials * 0.95)]:.1f}", f"{times[-1]:.1f}"]
    print(" | ".join(cells), flush=True)
    return [*cells, str(promise), str(target)]


if __name__ == "__main__":
    main()
