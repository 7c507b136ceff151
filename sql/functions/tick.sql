-- What every worker calls several times a second beside its work: its heartbeat, queueing again the batches of workers
-- that have signed off, and admitting what may start. Returns false if the caller itself was evicted and has to
-- register again. A heartbeat is a number that rises: peers record on their own clocks when they saw it change, so that
-- no difference between two readings of a server's clock decides who is alive. Never waits for a lock.
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
