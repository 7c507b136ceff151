-- A setting of the whole cluster, or the given default if it was never set.
create or replace function pgdex.setting(p_name text, p_default text) returns text
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select coalesce((select value from settings where name = p_name), p_default)
$$;
