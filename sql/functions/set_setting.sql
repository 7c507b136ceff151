-- Sets a setting of the whole cluster. Known: max_concurrent_jobs (a positive integer; see the function of that name).
-- Runs with its owner's rights: the schema's version is a row of the same table, and no caller may change that.
-- Errors: PX005 (unknown setting or bad value).
create or replace function pgdex.set_setting(p_name text, p_value text) returns void
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    if p_name is distinct from 'max_concurrent_jobs' then
        raise exception 'unknown setting %; the settings are max_concurrent_jobs', quote_nullable(p_name)
            using errcode = 'PX005';
    end if;
    if coalesce(p_value, '') !~ '^[1-9][0-9]{0,5}$' then
        raise exception '% must be a positive whole number, got %', p_name, quote_nullable(p_value)
            using errcode = 'PX005';
    end if;
    insert into settings (name, value) values (p_name, p_value)
    on conflict (name) do update set value = excluded.value where settings.value <> excluded.value;
    perform pg_notify('pgdex_wake', '');  -- workers let in on their tick what may start now
end
$$;
