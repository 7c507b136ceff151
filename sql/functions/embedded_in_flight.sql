-- What the batches of a job that are in flight have embedded, and will count once they are committed: bytes, and the
-- bytes and files as they count in the job's rate (job_rate), spread over the time since the batch was claimed. Zeros
-- where nothing is in flight.
create or replace function pgdex.embedded_in_flight(
    p_job_id uuid, out bytes double precision, out recent_bytes double precision, out recent_files double precision
)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select
        coalesce(sum(bytes_total * share), 0),
        coalesce(sum(bytes_total * share * recently), 0),
        coalesce(sum(files_total * share * recently), 0)
    from (
        select
            b.bytes_total, b.files_total, b.files_embedded::float8 / b.files_total as share,
            coalesce(pgdex.recent_weight(flight.seconds) / flight.seconds, 1) as recently
        from job_batches b,
            lateral (select extract(epoch from clock_timestamp() - b.started_at)::float8 as seconds) as flight
        where b.job_id = p_job_id and b.state = 'running' and b.files_embedded > 0
    ) as batches
$$;
