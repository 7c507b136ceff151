-- What every worker calls several times a second beside its work: its heartbeat, queueing again what workers left who
-- have said goodbye, and letting in what may start. Returns false where the caller itself was struck off and has to
-- register anew. A heartbeat is a number that rises: peers note on their own clocks when they saw it change, so that no
-- difference between two looks at a server's clock says who lives. Never waits for a lock.
create or replace function pgdex.tick(p_worker_id bigint, p_beat boolean default true) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    if p_beat then
        update workers set beat = beat + 1, beat_at = clock_timestamp() where id = p_worker_id;
    end if;
    if not exists (select from workers where id = p_worker_id) then
        return false;
    end if;
    if exists (select from procrastinate_jobs where status = 'doing' and worker_id is null) then
        perform pgdex.reclaim_batches();
    end if;
    perform pgdex.admit_jobs();
    return true;
end
$$;
