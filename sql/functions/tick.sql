-- What every worker calls several times a second beside its work: its heartbeat, reclaiming from the dead and
-- admitting what may start. Returns false where the caller itself was struck off and has to register anew.
create or replace function pgdex.tick(p_worker_id bigint, p_heartbeat_timeout interval default interval '5 seconds')
returns boolean
language plpgsql
set search_path = pgdex, public, pg_temp
as $$
begin
    update procrastinate_workers set last_heartbeat = clock_timestamp()
    where id = p_worker_id and last_heartbeat < clock_timestamp() - interval '1 second';
    if not found and not exists (select from procrastinate_workers where id = p_worker_id) then
        return false;
    end if;
    perform pgdex.reclaim_batches(p_heartbeat_timeout);
    perform pgdex.admit_jobs();
    return true;
end
$$;
