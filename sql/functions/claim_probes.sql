-- Gives blocked jobs that wait for one embedding service to one worker, which then asks that service whether it answers
-- again. The caller has watched the jobs on its own clock: p_numbers are the probe_numbers that it knows, p_seconds how
-- long it has seen each of them. Returns the jobs for which this is still true, with all the seconds that workers have
-- seen them wait since a batch of theirs was committed; a peer is probing for the others. Their number rises, and
-- probe_wait is the time in which the caller has to call probe_failed or resume_job for each: after that any worker may
-- try. So there is one probe at a time in the whole cluster, and no stampede. Never waits: jobs that another
-- transaction has locked are left out.
create or replace function pgdex.claim_probes(p_job_ids uuid[], p_numbers bigint[], p_seconds double precision[])
returns table (job_id uuid, seconds double precision)
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    with free as (
        select j.id, seen.seconds
        from unnest(p_job_ids, p_numbers, p_seconds) as seen (id, number, seconds)
        join indexing_jobs j on j.id = seen.id
        where j.status = 'blocked' and not j.waits_for_admission and j.probe_number = seen.number
        order by j.id
        for no key update of j skip locked
    )
    update indexing_jobs j
    set probe_number = j.probe_number + 1, probe_wait = 12, seconds_waited = j.seconds_waited + greatest(0, free.seconds),
        next_probe_at = clock_timestamp() + interval '12 seconds'
    from free
    where j.id = free.id
    returning j.id, j.seconds_waited
$$;
