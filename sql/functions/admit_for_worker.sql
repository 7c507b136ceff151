-- Admits jobs as soon as a worker has registered with procrastinate, before its first tick, because it has nothing else
-- to do yet.
create or replace function pgdex.admit_for_worker() returns trigger
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    perform pgdex.admit_jobs();
    return null;
end
$$;
