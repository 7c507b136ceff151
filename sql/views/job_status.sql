-- One row per job with everything that a front end shows; the names are the keys of --json and of the MCP answers.
--
--   select job_id, status, progress_percentage, progress_message from pgdex.job_status order by created_at desc;
--
-- paths_asked: how many paths the job looks at; null for the whole tree. is_overdue: live for more than seven days by
-- the server's clock. Such a job is never removed; someone should look at it. Nothing in this view is volatile
-- (clock_timestamp() is): otherwise PostgreSQL would compute the whole view before it picks the rows of a page.
create or replace view pgdex.job_status as
select
    j.id as job_id,
    j.status,
    j.project_id,
    r.name as repository,
    w.name as view_name,
    j.repo_path,
    round(pgdex.job_percentage(j)::numeric, 1) as progress_percentage,
    pgdex.job_message(j) as progress_message,
    case when j.status = 'running' then pgdex.job_phase(j) end as phase,
    j.files_scanned,
    j.files_to_index,
    j.files_indexed,
    j.files_skipped,
    j.files_unchanged,
    j.files_deleted,
    j.files_kept,
    j.chunks_created,
    round((select rate.files_per_second from pgdex.job_rate(j) as rate)::numeric, 1) as files_per_second,
    round((select rate.bytes_per_second from pgdex.job_rate(j) as rate))::bigint as bytes_per_second,
    coalesce(j.summary -> 'seconds', j.seconds_by_phase) as seconds_by_phase,
    -- Never negative, even where the server's clock was set back meanwhile.
    round(greatest(0, extract(epoch from
        coalesce(j.completed_at, j.cancelled_at, statement_timestamp()) - coalesce(j.started_at, j.created_at)
    )), 3) as elapsed_seconds,
    pgdex.job_eta_seconds(j) as estimated_time_remaining_seconds,
    j.force_reindex,
    cardinality(j.only_paths) as paths_asked,
    j.embedder,
    j.created_at,
    j.started_at,
    j.completed_at,
    j.cancelled_at,
    j.blocked_since,
    j.blocked_reason,
    j.next_probe_at,
    j.error_type,
    j.error_message,
    j.error_traceback,
    j.summary,
    pgdex.is_live(j.status)
        and j.created_at < statement_timestamp() - interval '7 days' as is_overdue
from pgdex.indexing_jobs j
join pgdex.views w on w.id = j.view_id and w.removed_at is null
join pgdex.repositories r on r.id = w.repository_id;
