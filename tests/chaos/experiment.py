"""One whole run: a cluster, a schedule, all checks, and what they found."""

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from psycopg.errors import QueryCanceled

from tests.chaos.checks import (
    CHECKS,
    bound_of,
    dead_workers,
    only_what_is_held_is_left,
    the_index_equals,
    the_index_is_sound,
)
from tests.chaos.cluster import chaos_cluster, undisturbed
from tests.chaos.collecting import collect
from tests.chaos.run import Run, Say, new_run, repeated_texts
from tests.chaos.schedule import Schedule
from tests.support.waiting import wait_for, wait_for_end

SETTLE_SECONDS = 20.0
SLOTS = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run came to."""

    schedule: Schedule
    seconds: float
    complaints: dict[str, list[str]]
    """By check; only those that complain."""
    disturbances: dict[str, int]
    kills: int
    sessions: int
    jobs: dict[str, int]
    texts: int
    repeated: int
    bound: int
    repeated_by_kind: dict[str, int]
    recoveries: dict[str, list[float]]
    outage_seconds: list[float]
    ended_by_themselves: int
    failed_away: int
    """Jobs that failed because their folder was away."""
    ended_at_their_start: int
    """Of these, because there was no database just then."""

    @property
    def holds(self) -> bool:
        """Whether no check complains."""
        return not self.complaints

    def report(self) -> dict[str, Any]:
        """Everything as JSON has it."""
        values = asdict(self)
        values["schedule"] = str(self.schedule).splitlines()
        return values | {"seed": self.schedule.seed, "holds": self.holds}


def experiment(
    schedule: Schedule, *, modules: int, say: Say, keep_logs: Path | None = None, supervised: bool = False
) -> Outcome:
    """Play the schedule on a new cluster and check what is left of it."""
    started = time.monotonic()
    with chaos_cluster(places=schedule.workers, slots=SLOTS, supervised=supervised) as cluster:
        run = new_run(cluster, schedule, modules=modules)
        complaints: dict[str, list[str]] = {}
        try:
            run.play(say)
            _settle(run)
            complaints |= {name: list(check(run)) for name, check in CHECKS.items()}
            complaints["nothing that a view holds is collected"] = _collected(run)
            complaints["the index is that of an undisturbed run"] = _compared(run)
            complaints["another job has nothing to do"] = _nothing_to_do(run)
        except (AssertionError, QueryCanceled) as error:  # someone was waited for in vain
            complaints["the run comes to its end"] = [str(error), *map(str, run.cluster.waiting_sessions())]
        outcome = _outcome(run, {name: found for name, found in complaints.items() if found}, started)
        if keep_logs is not None and not outcome.holds:
            _keep_logs(run, keep_logs)
        return outcome


def _settle(run: Run) -> None:
    """The workers are told of each other's end within seconds; a token's end may still be on its way."""
    connection = run.cluster.client.connection
    while connection.execute("select pgdex.remove_portion()").fetchone() == (True,):
        pass

    def settled() -> bool:
        run.cluster.fleet.tend()
        tokens = connection.execute("select count(*) from pgdex.procrastinate_jobs").fetchone()
        return tokens == (0,) and not list(dead_workers(run))

    try:
        wait_for(settled, what="an empty queue and a list of the living workers", seconds=SETTLE_SECONDS)
    except AssertionError:
        return  # the checks say what is left


def _collected(run: Run) -> list[str]:
    """What no view holds goes, and then every version there is is held."""
    connection = run.cluster.client.connection
    while collect(connection):
        pass
    return [*the_index_is_sound(run), *only_what_is_held_is_left(run)]


def _compared(run: Run) -> list[str]:
    with undisturbed(run.cluster) as (client, workers, service):
        for view in run.views:  # one after the other: what two have in common is embedded once
            job_id = client.start(view.target).job_id
            assert wait_for_end(client, job_id, workers=workers).status == "completed"
        found = list(the_index_equals(run, client.connection))
        if repeated := repeated_texts(service):
            found.append(f"texts that are alike spoil the count: {repeated} in an undisturbed run")
        return found


def _nothing_to_do(run: Run) -> list[str]:
    """An ordinary job over the same trees finds all its files unchanged, and embeds nothing."""
    before = run.cluster.service.counts().texts
    found = []
    for view in run.views:
        view.enqueue(run.cluster)
    for view in run.views:
        wait_for(partial(view.has_ended, run.cluster), what="a job with nothing to do")
        status = run.cluster.client.status(view.job)
        if (status.status, status.files_indexed, status.chunks_created) != ("completed", 0, 0):
            found.append(f"{view.label}: {status.progress_message}")
    probes = len(run.cluster.fleet.places)
    embedded = run.cluster.service.counts().texts - before
    if embedded > probes:
        found.append(f"{embedded} texts were embedded for it")
    return found


def _outcome(run: Run, complaints: dict[str, list[str]], started: float) -> Outcome:
    connection = run.cluster.client.connection
    jobs = connection.execute("select status, count(*) from pgdex.indexing_jobs group by status").fetchall()
    return Outcome(
        schedule=run.schedule,
        seconds=time.monotonic() - started,
        complaints=complaints,
        disturbances=dict(run.figures.done),
        kills=run.figures.kills,
        sessions=run.figures.sessions,
        jobs=dict(jobs),
        texts=run.cluster.service.counts().texts,
        repeated=run.repeated(),
        bound=bound_of(run),
        repeated_by_kind=run.figures.repeated_by_kind(run.repeated()),
        recoveries=run.figures.recoveries(connection),
        outage_seconds=run.figures.outage_seconds,
        failed_away=_failed_away(run),
        ended_by_themselves=len(run.cluster.fleet.departures),
        ended_at_their_start=sum(departure.found_no_database for departure in run.cluster.fleet.departures),
    )


def _failed_away(run: Run) -> int:
    may_fail = [job_id for view in run.views for job_id in view.may_fail]
    query = "select count(*) from pgdex.indexing_jobs where status = 'failed' and id = any(%s)"
    row = run.cluster.client.connection.execute(query, [may_fail]).fetchone()
    return int(row[0]) if row else 0


def _keep_logs(run: Run, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in run.cluster.fleet.workers.folder.glob("*.log"):
        (folder / path.name).write_bytes(path.read_bytes())
    for path in (run.cluster.home / "data" / "log", *run.cluster.home.glob("*.log")):  # the server's
        if path.exists():
            (folder / f"server-{path.stem}.log").write_bytes(path.read_bytes())
