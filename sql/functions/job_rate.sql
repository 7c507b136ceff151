-- The present rate of a job: bytes and files per second, null while nothing is known yet.
--
-- An exponentially weighted mean with a time constant of 15 s over the committed batches: complete_batch decays the two
-- sums and adds to them, and this divides them by the weight of the time since the first batch could start. So the rate
-- is right from the first commit on, and sinks automatically when commits stop coming. Ages are capped at 1500 s: after
-- three hours exp() would raise an underflow. An age below 0 means that the clock was set back: then the last commit
-- counts as just now, and the scan as long ago.
create or replace function pgdex.job_rate(
    job pgdex.indexing_jobs, out bytes_per_second double precision, out files_per_second double precision
)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select
        job.recent_bytes * decay / weight,
        job.recent_files * decay / weight
    from (
        select
            exp(-least(greatest(extract(epoch from clock_timestamp() - job.last_commit_at)::float8, 0), 1500) / 15) as decay,
            nullif(15 * (1 - exp(-case when scan.age between 0 and 1500 then scan.age else 1500 end / 15)), 0) as weight
        from (select extract(epoch from clock_timestamp() - job.scanned_at)::float8 as age) as scan
    ) as w
    where job.status = 'running' and job.last_commit_at is not null and job.files_done < job.files_to_index
$$;
