-- Seconds until a running job is completed; null if that can't be known (not scanned yet, nothing embedded yet, blocked,
-- final).
--
-- The bytes that are neither committed nor embedded, at the present rate, and then the finish: the first index of a
-- repository ends with building the GIN index and the statistics, which takes a second for about 45 MB of source (4.5 s
-- after 44.5 s on 203 MB and two cores). Without it the estimate would be 7 to 18 % too low, and at 80 % only half of the
-- actual time. It does not include a vector index, which only a very large repository gets.
create or replace function pgdex.job_eta_seconds(job pgdex.indexing_jobs) returns integer
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select case
        when job.files_done >= job.files_to_index then
            -- The clock may have been set back since the last commit.
            ceil(greatest(0, finish.seconds - greatest(0, extract(epoch from clock_timestamp() - job.last_commit_at))))::integer
        else (
            select ceil(todo.bytes / r.bytes_per_second + finish.seconds)::integer
            from pgdex.job_rate(job) as r,
                lateral (
                    select job.bytes_total - job.bytes_done - flight.bytes as bytes
                    from pgdex.embedded_in_flight(job.id) as flight
                ) as todo
            -- A rate that would take months is silence, not a rate.
            where r.bytes_per_second > todo.bytes / (30 * 86400.0)
        )
    end
    from (
        select case when v.last_indexed_at is null then job.bytes_total / 45e6 else 0 end::float8 as seconds
        from views v
        where v.id = job.view_id
    ) as finish
    where job.status = 'running' and job.scanned_at is not null
$$;
