-- Deletes final jobs that ended longer ago than p_age, with their batches and events, oldest first and at most p_limit
-- of them, so that a long history is deleted in small transactions. Returns how many; the caller repeats it until it
-- returns 0. Live jobs stay, however old. One caller at a time (the row `retention` of cluster_duties); the others get
-- 0. What the jobs have indexed stays. Days are counted by the server's clock: one that is days ahead removes history
-- early, and nothing else.
create or replace function pgdex.remove_old_jobs(p_age interval, p_limit integer default 100) returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_removed integer;
begin
    perform from cluster_duties where name = 'retention' for no key update skip locked;
    if not found then
        return 0;
    end if;
    delete from indexing_jobs
    where id in (
        select id from indexing_jobs
        where status in ('completed', 'failed', 'cancelled')
            and coalesce(completed_at, cancelled_at) < clock_timestamp() - p_age
        order by coalesce(completed_at, cancelled_at)
        limit p_limit
        for update skip locked
    );
    get diagnostics v_removed = row_count;
    return v_removed;
end
$$;
