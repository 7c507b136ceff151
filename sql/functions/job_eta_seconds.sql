-- Seconds until a running job is through its files, from the bytes left and the present rate; null where that
-- can't be told (not scanned yet, nothing committed yet, blocked, final).
create or replace function pgdex.job_eta_seconds(job pgdex.indexing_jobs) returns integer
language sql stable
set search_path = pgdex, pg_temp
as $$
    select case
        when job.status <> 'running' or job.scanned_at is null then null
        when job.files_done >= job.files_to_index then 0
        else (
            select ceil((job.bytes_total - job.bytes_done) / r.bytes_per_second)::integer
            from pgdex.job_rate(job) as r
            -- A rate that would take months is silence, not a rate.
            where r.bytes_per_second > (job.bytes_total - job.bytes_done) / (30 * 86400.0)
        )
    end
$$;
