"""What must hold after a run, whatever went wrong in it. Each check returns its complaints."""

from collections.abc import Callable, Iterator
from typing import Any

from psycopg.rows import dict_row

from pgdex.jobs.database.connection import Connection
from tests.chaos.cluster import BATCH_FILES
from tests.chaos.run import Run
from tests.chaos.views import View
from tests.support.index_digest import COLLECTED, MISCOUNTED, ORPHANS, UNMARKED
from tests.support.job_invariants import LEGAL

Rows = list[dict[str, Any]]
COUNTERS = ("files_indexed", "files_skipped", "files_unchanged", "files_deleted", "chunks_created")
# By the order of events: clocks jump.
OVERLAPS = """
    with life as (
        select j.id, j.view_id, min(e.id) filter (where e.event_type = 'created') as began,
            max(e.id) filter (where e.event_type in ('completed', 'failed', 'cancelled')) as ended
        from pgdex.indexing_jobs j join pgdex.job_events e on e.job_id = j.id group by j.id
    )
    select a.id as first, b.id as second from life a
    join life b on b.view_id = a.view_id and b.began > a.began
    where a.ended is null or a.ended > b.began
"""
RECOUNT = """
    select j.*, coalesce(sum(b.files_total) filter (where d.done), 0) as files_recounted,
        coalesce(sum(b.bytes_total) filter (where d.done), 0) as bytes_recounted,
        count(*) filter (where b.kind = 'index' and not d.done) as batches_recounted
    from pgdex.indexing_jobs j
    join pgdex.job_batches b on b.job_id = j.id
    cross join lateral (select b.kind = 'index' and b.state = 'completed') as d (done)
    group by j.id
"""
STORED = """
    select count(*) filter (where f.skip_reason is null) as texts,
        count(*) filter (where f.skip_reason is not null) as skipped,
        count(*) filter (where f.skip_reason is null and f.indexed_at >= b.at) as indexed,
        coalesce(sum(f.chunks) filter (where f.indexed_at >= b.at), 0) as chunks
    from pgdex.indexing_jobs j
    cross join lateral (select j.started_at + make_interval(secs => %(jump)s)) as b (at)
    join pgdex.files f on f.view_id = j.view_id where j.id = %(job)s
"""
REASONS = """
    select f.skip_reason, count(*) as n from pgdex.indexing_jobs j
    join pgdex.files f on f.view_id = j.view_id
    where j.id = %s and f.skip_reason is not null group by f.skip_reason
"""
FILES = """
    select f.root, f.path, f.language, encode(f.content_hash, 'hex'), f.skip_reason, f.chunks
    from pgdex.files f order by 1, 2
"""
CHUNKS = """
    select f.root, f.path, c.ordinal, c.start_line, c.end_line, c.kind, c.symbol, md5(c.content),
        md5(c.lexemes::text), md5(c.term_weights::text), md5(c.embedding::text), m.name
    from pgdex.files f
    join pgdex.chunks c on c.version_id = f.version_id and c.repository_id = f.repository_id
    left join pgdex.embedding_models m on m.id = c.model_id
    order by 1, 2, 3
"""
MISCOUNTED_VIEWS = """
    select w.root, w.chunks, coalesce(sum(f.chunks), 0) as counted
    from pgdex.views w left join pgdex.files f on f.view_id = w.id
    where w.removed_at is null group by w.id having w.chunks <> coalesce(sum(f.chunks), 0)
"""
DEFAULTS = """
    select r.name, count(*) filter (where w.is_default) as defaults
    from pgdex.repositories r left join pgdex.views w on w.repository_id = r.id and w.removed_at is null
    where r.removed_at is null group by r.id having count(*) filter (where w.is_default) <> 1
"""
FAMILIES = """
    select w.root, w.ref, w.repository_id from pgdex.views w where w.removed_at is null order by w.id
"""
UNHELD = """
    select count(*) from pgdex.versions v where not exists (select from pgdex.view_files e where e.version_id = v.id)
"""
VIEWS = """
    select r.id as repository_id, r.name, count(*) as views
    from pgdex.repositories r join pgdex.views w on w.repository_id = r.id group by r.id
"""
SOUND = {
    "chunks without a version": ORPHANS,
    "versions with a wrong count of chunks": MISCOUNTED,
    "files of a view without their version": COLLECTED,
    "versions with a mark that a sweep leaves wrong": UNMARKED,
}
LEFTOVERS = {
    "open batches of ended jobs": """
        select count(*) from pgdex.job_batches b join pgdex.indexing_jobs j on j.id = b.job_id
        where j.status in ('completed', 'failed', 'cancelled') and b.state in ('waiting', 'running')
    """,
    "closed batches that still list files": """
        select count(*) from pgdex.job_batches
        where state not in ('waiting', 'running') and paths is not null
    """,
    "embeddings that an ended job has kept": """
        select count(*) from pgdex.kept_embeddings k join pgdex.indexing_jobs j on j.id = k.job_id
        where j.status in ('completed', 'failed', 'cancelled')
    """,
    "tokens in the queue": "select count(*) from pgdex.procrastinate_jobs",
    "sessions with an open transaction": """
        select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in transaction%'
            and state_change < clock_timestamp() - interval '2 seconds'
    """,
}


def jobs_ended_as_they_should(run: Run) -> Iterator[str]:
    """Cancelled where a cancel was acknowledged, completed else, or failed because the folder was away; the rows
    unchanged since; never two live at once."""
    known = {job_id: view for view in run.views for job_id in view.jobs}
    rows = _rows(run, "select j.*, to_jsonb(j)::text as whole from pgdex.indexing_jobs j order by created_at")
    for row in rows:
        view = known.get(row["id"])
        if any(row["id"] in other.forgotten for other in run.views):
            yield f"job {row['id']} is still there, and its view was removed from the index"
        elif view is None:
            yield f"job {row['id']} of {row['repo_path']} was asked for by nobody"
        if view is None:
            continue
        wanted = "cancelled" if row["id"] in view.cancelled else "completed"
        if row["status"] == "failed" and row["id"] in view.may_fail:
            if str(view.root) not in (row["error_message"] or ""):
                yield f"job {row['id']} failed, and does not name the folder that was away: {row['error_message']}"
        elif row["status"] != wanted:
            yield f"job {row['id']} is {row['status']}, not {wanted}: {row['error_type']} {row['error_message']}"
        if view.final_rows.get(row["id"], row["whole"]) != row["whole"]:
            yield f"job {row['id']} changed after its end: {view.final_rows[row['id']]} then {row['whole']}"
    if missing := known.keys() - {row["id"] for row in rows}:
        yield f"jobs are gone: {missing}"
    for row in _rows(run, OVERLAPS):
        yield f"jobs {row['first']} and {row['second']} of one view were live at the same time"
    for view in run.views:
        yield from view.complaints


def nothing_is_left_over(run: Run) -> Iterator[str]:
    """No orphan rows, no work in the queue, no trace of processes that are gone."""
    for what, query in LEFTOVERS.items():
        found = _value(run.cluster.client.connection, query)
        if found:
            yield f"{found} {what}"
    yield from dead_workers(run)


def the_index_is_sound(run: Run) -> Iterator[str]:
    """No chunk without its version, no version without its chunks, nothing collected that a view holds, and the marks
    of unused versions are right: in a repository with one view always, in one with several once they were swept."""
    connection = run.cluster.client.connection
    for row in _rows(run, VIEWS):
        swept = _value(connection, "select pgdex.sweep_versions(%s)", row["repository_id"])
        if swept and row["views"] == 1:
            yield f"{swept} versions of {row['name']} with a wrong mark of being unused"
    for what, query in SOUND.items():
        found = _value(connection, query)
        if found:
            yield f"{found} {what}"


def views_are_what_they_were(run: Run) -> Iterator[str]:
    """Each view once, those of a family in one repository, which has one default view; views count their chunks."""
    rows = _rows(run, FAMILIES)
    known = {(row["root"], row["ref"]): row["repository_id"] for row in rows}
    wanted = {(view.target.root, view.target.ref): view.tree.family.label for view in run.views}
    if len(rows) != len(wanted) or known.keys() != wanted.keys():
        yield f"the views are {sorted(known)}, not {sorted(wanted)}"
    for label in sorted(set(wanted.values())):
        found = {known.get(target) for target, family in wanted.items() if family == label}
        if len(found) != 1:
            yield f"the views of {label} are in the repositories {sorted(map(str, found))}"
    for row in _rows(run, DEFAULTS):
        yield f"{row['name']} has {row['defaults']} default views"
    for row in _rows(run, MISCOUNTED_VIEWS):
        yield f"{row['root']} says {row['chunks']} chunks, and has {row['counted']}"


def only_what_is_held_is_left(run: Run) -> Iterator[str]:
    """After everything unused was collected."""
    if unheld := _value(run.cluster.client.connection, UNHELD):
        yield f"{unheld} versions that no view holds were not collected"


def dead_workers(run: Run) -> Iterator[str]:
    """Where the database's list of workers is not the list of those that run."""
    pids = run.cluster.fleet.pids()
    rows = _rows(run, "select id, pid, lock_held, alive from worker_status")
    known = [row["pid"] for row in rows]
    if sorted(map(str, known)) != sorted(map(str, pids)):
        yield f"the database knows the workers {rows}, but the processes {sorted(pids)} run"
    ids = {f"pgdex worker {row['id']}" for row in rows}
    names = {
        row["application_name"]
        for row in _rows(
            run,
            "select distinct application_name from pg_stat_activity"
            " where datname = current_database() and application_name like 'pgdex worker %'",
        )
    }
    if names - ids:
        yield f"sessions of workers that are gone: {sorted(names - ids)}"


def events_are_in_order(run: Run) -> Iterator[str]:
    """Created first, legal transitions, one final event and nothing after it, progress never back."""
    for view in run.views:
        for job_id in view.jobs:
            events = _rows(
                run, "select event_type, event_data from pgdex.job_events where job_id = %s order by id", job_id
            )
            state: str | None = None
            shown = 0.0
            for event in events:
                kind = event["event_type"]
                percent = event["event_data"].get("progress_percentage")
                if percent is not None:
                    if percent < shown:
                        yield f"job {job_id} went from {shown} % to {percent} % with {kind}"
                    shown = percent
                if kind == "progress":
                    if state not in ("started", "resumed"):
                        yield f"job {job_id} made progress while {state}"
                elif kind not in ("scanned", "reclaimed", "unseen"):
                    if kind not in LEGAL.get(state, set()):
                        yield f"job {job_id} went from {state} to {kind}"
                    state = kind
            if state not in ("completed", "failed", "cancelled"):
                yield f"job {job_id} has no final event, its last is {state}"


def counters_equal_a_recount(run: Run) -> Iterator[str]:
    """A job's counters are what its batches, its summary and the stored files add up to."""
    for row in _rows(run, RECOUNT):
        job_id = row["id"]
        if (row["files_done"], row["bytes_done"]) != (row["files_recounted"], row["bytes_recounted"]):
            yield f"job {job_id} counts {row['files_done']} files done, its batches {row['files_recounted']}"
        if row["batches_left"] != row["batches_recounted"]:
            yield f"job {job_id} counts {row['batches_left']} batches left, there are {row['batches_recounted']}"
        counted = row["files_indexed"] + row["files_skipped"] + row["files_unchanged"]
        if counted + row["files_to_index"] - row["files_done"] != row["files_scanned"]:
            yield f"job {job_id} found {row['files_scanned']} files, and says what became of {counted}"
        if row["status"] == "completed":
            summary = row["summary"]
            wrong = {name for name in COUNTERS if summary[name] != row[name]}
            if summary["files_found"] != row["files_scanned"]:
                wrong.add("files_found")
            if wrong:
                yield f"job {job_id}: {wrong} differ in the summary {summary}"
    for view in run.views:
        yield from _last_job_equals_what_is_stored(run, view)


def _last_job_equals_what_is_stored(run: Run, view: View) -> Iterator[str]:
    (job,) = _rows(run, "select * from pgdex.indexing_jobs where id = %s", view.job)
    if job["only_paths"] is not None:
        return  # it says nothing of the other files
    (stored,) = _rows(run, STORED, job=view.job, jump=run.jumps.get(view.job, 0.0))
    said = {
        "texts": job["files_indexed"] + job["files_unchanged"],
        "skipped": job["files_skipped"],
        "indexed": job["files_indexed"],
        "chunks": job["chunks_created"],
    }
    # Versions that another view had written, or an earlier job, are new in this view without work.
    for name in ("indexed", "chunks"):
        stored[name] = min(stored[name], said[name])
    if said != stored:
        yield f"{view.label}: the last job says {said}, stored is {stored}"
    reasons = {row["skip_reason"]: row["n"] for row in _rows(run, REASONS, view.job)}
    if job["status"] == "completed" and job["summary"]["skipped_by_reason"] != reasons:
        yield f"{view.label}: the summary skips {job['summary']['skipped_by_reason']}, stored are {reasons}"


def the_index_equals(run: Run, undisturbed: Connection) -> Iterator[str]:
    """Row for row what a run gives in which nothing goes wrong."""
    for what, query in (("file", FILES), ("chunk", CHUNKS)):
        here = run.cluster.client.connection.execute(query).fetchall()
        there = undisturbed.execute(query).fetchall()
        if not there:
            yield f"the undisturbed run has no {what}"
        if here != there:
            more, less = (sorted(rows, key=repr)[:5] for rows in (set(here) - set(there), set(there) - set(here)))
            yield f"{len(here)} {what}s instead of {len(there)}; too many: {more}, missing: {less}"


def bound_of(run: Run) -> int:
    """How many texts may have been embedded more than once.

    Whatever goes wrong costs at most what the slots that it hits have in progress: a batch each. So the bound is the
    sum, over all disturbances, of the slots hit, times the texts of the largest batch. A kill, a stop and a session
    that is ended hit the slots of one worker; a restart, a fault and a cancel hit all slots of all workers.
    Beside that, views that share what is new may each embed it, and what no view held may be gone when it comes back.
    """
    families = {view.tree.family.label: view.tree.family for view in run.views}
    shared = sum(family.allowance for family in families.values())
    return run.figures.slots_hit * largest_batch(run.cluster.client.connection) + shared


def largest_batch(connection: Connection) -> int:
    """More texts than this no batch has."""
    return BATCH_FILES * int(_value(connection, "select coalesce(max(chunks), 0) from pgdex.files"))


def repeated_work_is_bounded(run: Run) -> Iterator[str]:
    """What was embedded twice is no more than what was in progress when something went wrong."""
    if run.repeated() > bound_of(run):
        yield f"{run.repeated()} texts were embedded again, the bound is {bound_of(run)}"


def strangers_survive(run: Run) -> Iterator[str]:
    """A number in a stale file is no reason to end the process that has it now."""
    if run.strangers_harmed:
        yield f"{run.strangers_harmed} processes that have nothing to do with pgdex were ended"


def workers_survive(run: Run) -> Iterator[str]:
    """A worker that nobody kills goes on, whatever becomes of its sessions and its database."""
    for departure in run.cluster.fleet.departures:
        if not departure.found_no_database:
            yield str(departure)


CHECKS: dict[str, Callable[[Run], Iterator[str]]] = {
    "jobs ended as they should": jobs_ended_as_they_should,
    "nothing is left over": nothing_is_left_over,
    "the index is sound": the_index_is_sound,
    "views are what they were": views_are_what_they_were,
    "events are in order": events_are_in_order,
    "counters equal a recount": counters_equal_a_recount,
    "repeated work is bounded": repeated_work_is_bounded,
    "workers survive": workers_survive,
    "strangers survive": strangers_survive,
}


def _rows(run: Run, query: str, *values: object, **named: object) -> Rows:
    with run.cluster.client.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), named or values or None).fetchall()


def _value(connection: Connection, query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values or None).fetchone()
    return int(row[0]) if row else 0
