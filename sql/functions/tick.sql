-- What every worker calls several times a second beside its work: its heartbeat, reclaiming from the dead and
-- admitting what may start. Returns false where the caller itself was struck off and has to register anew.
-- p_judges is false for a worker that has just come back from an outage: then nobody's lock and heartbeat say much,
-- and the first to be back would take all the others for dead.
create or replace function pgdex.tick(p_worker_id bigint, p_judges boolean default true) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    update procrastinate_workers set last_heartbeat = clock_timestamp()
    where id = p_worker_id and last_heartbeat < clock_timestamp() - interval '0.4 seconds';
    if not found and not exists (select from procrastinate_workers where id = p_worker_id) then
        return false;
    end if;
    if p_judges then
        perform pgdex.reclaim_batches();
    end if;
    perform pgdex.admit_jobs();
    return true;
end
$$;
