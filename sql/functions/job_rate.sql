-- The present rate of a job: bytes and files per second, null while nothing is known yet.
--
-- An exponentially weighted mean with a time constant of 15 s (recent_weight). What a batch did counts evenly over the
-- time that it took: with a slow embedding service a batch takes minutes, and a rate of commits alone would be far too
-- high just after one, and far too low until the next. complete_batch decays the two sums and adds to them; this adds
-- what the batches in flight have embedded, and divides by the weight of the time since the first batch could start.
-- So the rate is right from the first texts on, and sinks automatically when work stops. An age below 0 means that the
-- clock was set back: then the last commit counts as just now, and the scan as long ago.
create or replace function pgdex.job_rate(
    job pgdex.indexing_jobs, out bytes_per_second double precision, out files_per_second double precision
)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select
        (job.recent_bytes * decay + flight.recent_bytes) / weight,
        (job.recent_files * decay + flight.recent_files) / weight
    from (
        select
            case when job.last_commit_at is null then 0 else exp(
                -least(greatest(extract(epoch from clock_timestamp() - job.last_commit_at)::float8, 0), 1500) / 15
            ) end as decay,
            pgdex.recent_weight(case when scan.age < 0 then 1500 else scan.age end) as weight
        from (select extract(epoch from clock_timestamp() - job.scanned_at)::float8 as age) as scan
    ) as w,
        lateral pgdex.embedded_in_flight(job.id) as flight
    where job.status = 'running' and job.files_done < job.files_to_index
        and (job.last_commit_at is not null or flight.recent_files > 0)
$$;
