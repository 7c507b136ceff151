"""What holds after every call, whatever was called: the model's view of the database, and recounts by SQL."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from pgdex.jobs.database.connection import Connection
from tests.support.job_model import MAX_CONCURRENT_JOBS, JobModel
from tests.support.job_model_state import COUNTERS

LEGAL = {
    None: {"created"},
    "created": {"started", "cancelled"},
    "started": {"completed", "failed", "cancelled", "blocked"},
    "blocked": {"resumed", "failed", "cancelled"},
    "resumed": {"completed", "failed", "cancelled", "blocked"},
}


class Checks:
    """Reads the whole database; remembers what was shown before."""

    def __init__(self, connection: Connection, model: JobModel) -> None:
        self.connection = connection
        self.model = model
        self.shown: dict[UUID, float] = {}
        self.final: dict[UUID, str] = {}

    def everything_holds(self) -> None:
        self.the_database_says_what_the_model_says()
        self.the_queue_holds_what_the_model_says()
        self.the_index_holds_what_the_model_says()
        self.at_most_three_are_in_and_one_per_repository()
        self.counters_equal_a_recount_of_the_batches()
        self.progress_never_goes_back_and_final_rows_never_change()
        self.every_transition_has_its_event()

    def the_database_says_what_the_model_says(self) -> None:
        jobs = {job.id: job for job in self.model.jobs}
        rows = self.rows("select *, admitted_at is not null as admitted from pgdex.indexing_jobs")
        assert {row["id"] for row in rows} == set(jobs)
        for row in rows:
            job = jobs[row["id"]]
            assert (row["status"], row["admitted"]) == (job.status, job.admitted)
            assert row["waits_for_admission"] == job.waits_for_admission
            assert {name: row[name] for name in COUNTERS} == job.counts
        assert {
            (row["job_id"], row["seq"]): (row["kind"], row["state"], row["attempt"])
            for row in self.rows("select * from pgdex.job_batches")
        } == {
            (job.id, seq): (batch.kind, batch.state, batch.attempt)
            for job in self.model.jobs
            for seq, batch in job.batches.items()
        }

    def the_queue_holds_what_the_model_says(self) -> None:
        rows = self.rows(
            "select t.id, t.status::text, t.priority, (t.args ->> 'job_id')::uuid as job_id,"
            " (t.args ->> 'seq')::int as seq, b.wake_up_id is not distinct from t.id as present"
            " from procrastinate_jobs t join pgdex.job_batches b"
            " on b.job_id = (t.args ->> 'job_id')::uuid and b.seq = (t.args ->> 'seq')::int"
        )
        assert sorted(
            (
                row["status"],
                row["id"] if row["status"] == "doing" else 0,
                row["priority"],
                row["job_id"],
                row["seq"],
                row["present"],
            )
            for row in rows
        ) == sorted(
            (
                "todo" if wake_up.todo else "doing",
                wake_up.id or 0,
                wake_up.priority,
                wake_up.job.id,
                wake_up.seq,
                wake_up.job.batches[wake_up.seq].wake_up is wake_up,
            )
            for wake_up in self.model.wake_ups
            if not wake_up.gone
        )

    def the_index_holds_what_the_model_says(self) -> None:
        rows = self.rows(
            "select f.root, f.path, f.mtime_ns, f.skip_reason, f.chunks,"
            " (select count(*) from pgdex.chunks c where c.version_id = f.version_id) as stored_chunks"
            " from pgdex.files f"
        )
        assert all(row["chunks"] == row["stored_chunks"] for row in rows)
        assert {(row["root"], row["path"]): (row["mtime_ns"], row["skip_reason"], row["chunks"]) for row in rows} == {
            (root, path): (stored.found.mtime_ns, stored.found.skip_reason, 0 if stored.found.skip_reason else 1)
            for root, files in self.model.index.items()
            for path, stored in files.items()
        }

    def at_most_three_are_in_and_one_per_repository(self) -> None:
        live = self.rows(
            "select view_id, admitted_at is not null as admitted from pgdex.indexing_jobs"
            " where status in ('pending', 'running', 'blocked')"
        )
        assert sum(row["admitted"] for row in live) <= MAX_CONCURRENT_JOBS
        assert len({row["view_id"] for row in live}) == len(live)

    def counters_equal_a_recount_of_the_batches(self) -> None:
        for row in self.rows(
            "select j.*, sum(b.files_total) filter (where done) as files,"
            " sum(b.bytes_total) filter (where done) as bytes,"
            " count(*) filter (where b.kind = 'index' and not done) as left,"
            " count(*) filter (where b.state in ('waiting', 'running')) as open"
            " from pgdex.indexing_jobs j join pgdex.job_batches b on b.job_id = j.id"
            " cross join lateral (select b.kind = 'index' and b.state = 'completed') as d (done) group by j.id"
        ):
            assert (row["files_done"], row["bytes_done"]) == (row["files"] or 0, row["bytes"] or 0)
            assert row["batches_left"] == row["left"]
            counted = row["files_indexed"] + row["files_skipped"] + row["files_unchanged"]
            assert counted + row["files_to_index"] - row["files_done"] == row["files_scanned"]
            if row["status"] not in ("pending", "running", "blocked"):
                assert row["open"] == 0

    def progress_never_goes_back_and_final_rows_never_change(self) -> None:
        for row in self.rows(
            "select s.job_id, s.progress_percentage as shown, s.progress_message,"
            " case when s.status in ('completed', 'failed', 'cancelled') then to_jsonb(j)::text end as final"
            " from pgdex.job_status s join pgdex.indexing_jobs j on j.id = s.job_id"
        ):
            assert row["shown"] >= self.shown.get(row["job_id"], 0)
            assert row["progress_message"]
            self.shown[row["job_id"]] = row["shown"]
            if row["final"] is not None:
                assert self.final.setdefault(row["job_id"], row["final"]) == row["final"]

    def every_transition_has_its_event(self) -> None:
        for job in self.model.jobs:
            events = self.rows(
                "select event_type, event_data from pgdex.job_events where job_id = %s order by id", job.id
            )
            assert [event["event_type"] for event in events if event["event_type"] != "progress"] == job.events
            state = None
            for event in events:
                kind = event["event_type"]
                if kind == "progress":
                    assert state in ("started", "resumed")
                elif kind not in ("scanned", "reclaimed"):
                    assert kind in LEGAL[state]
                    state = kind

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()
