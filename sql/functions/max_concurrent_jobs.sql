-- How many jobs may be admitted at once in the whole cluster: what was set (set_setting), or 3.
create or replace function pgdex.max_concurrent_jobs() returns integer
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select pgdex.setting('max_concurrent_jobs', '3')::integer
$$;
