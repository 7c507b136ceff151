-- Adds two objects of counts key by key: {"vanished": 1} and {"vanished": 2, "io_error": 1} give {"vanished": 3,
-- "io_error": 1}.
create or replace function pgdex.added_counts(p_some jsonb, p_more jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select coalesce(jsonb_object_agg(name, total), '{}')
    from (
        select name, sum(n::bigint) as total
        from (
            select * from jsonb_each_text(p_some)
            union all
            select * from jsonb_each_text(p_more)
        ) as both_of_them (name, n)
        group by name
    ) as sums
$$;
