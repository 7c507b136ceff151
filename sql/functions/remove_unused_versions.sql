-- Deletes versions that no view has held for longer than p_age, with their chunks, at most p_limit of one repository
-- and not many more than p_chunks chunks.
-- Returns how many; the caller repeats it until it returns 0. Until then they make the way back to a branch, or the next
-- worktree, cost nothing: whoever finds the same content at the same path again takes the version over.
create or replace function pgdex.remove_unused_versions(
    p_age interval, p_limit integer default 500, p_chunks integer default 5000
) returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_repository bigint;
    v_removed integer := 0;
    -- Not in the queries: the clock is no constant, and no index could be used.
    v_before timestamp with time zone := clock_timestamp() - p_age;
begin
    for v_repository in
        select r.id
        from repositories r
        -- One of each, by the index; all that are kept for longer would be read otherwise, by each call.
        cross join lateral (
            select v.id from versions v
            where v.repository_id = r.id and v.unused_since < v_before
            limit 1
        ) as due
        where r.removed_at is null
    loop
        v_removed := pgdex.delete_versions(v_repository, array(
            select counted.id
            from (
                select v.id, sum(v.chunks) over (rows unbounded preceding) - v.chunks as before
                from (
                    select w.id, w.chunks, w.unused_since from versions w
                    where w.repository_id = v_repository and w.unused_since < v_before
                    order by w.unused_since limit p_limit
                ) as v
            ) as counted
            where counted.before < p_chunks
        ));
        exit when v_removed > 0;
    end loop;
    return v_removed;
end
$$;
