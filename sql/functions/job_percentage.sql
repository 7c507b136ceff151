-- How far a job is, 0 to 100: 10 x scanned + 40 x chunked + 40 x embedded + 10 x written, as fractions of the files
-- that have to be indexed, batches in flight included. Never less than the job's progress floor; 100 only once it is
-- completed. While the tree is being scanned its size is unknown: n files count as n / (n + 5000) of the first ten
-- percent.
create or replace function pgdex.job_percentage(job pgdex.indexing_jobs) returns double precision
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_flight record;
begin
    if job.status in ('completed', 'failed', 'cancelled', 'pending') then
        return job.progress_floor;
    end if;
    select
        coalesce(sum(files_found), 0) as found,
        coalesce(sum(files_chunked), 0) as chunked,
        coalesce(sum(files_embedded), 0) as embedded
    into v_flight
    from job_batches where job_id = job.id and state = 'running';
    if job.scanned_at is null then
        return greatest(job.progress_floor, 10.0 * v_flight.found / (v_flight.found + 5000));
    end if;
    if job.files_to_index = 0 then
        return greatest(job.progress_floor, 99);
    end if;
    return greatest(job.progress_floor, least(99, 10 + (
        40.0 * (job.files_done + v_flight.chunked)
        + 40.0 * (job.files_done + v_flight.embedded)
        + 10.0 * job.files_done
    ) / job.files_to_index));
end
$$;
