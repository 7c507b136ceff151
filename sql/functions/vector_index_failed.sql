-- Records that a vector index could not be built and why, so that the next try waits longer and people can see it
-- (table pgdex.vector_index_builds, pgdex doctor). Runs with its owner's rights.
create or replace function pgdex.vector_index_failed(p_repository_id bigint, p_error text) returns void
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    insert into vector_index_builds as b (repository_id, failures, error, failed_at)
    select r.id, 1, p_error, clock_timestamp() from repositories r where r.id = p_repository_id
    on conflict (repository_id) do update
    set failures = b.failures + 1, error = excluded.error, failed_at = excluded.failed_at;
end
$$;
