-- Adds two objects of seconds by phase, phase by phase: {"reading": 1.5} and {"reading": 0.5, "writing": 1} give
-- {"reading": 2, "writing": 1}.
create or replace function pgdex.added_seconds(p_some jsonb, p_more jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select coalesce(jsonb_object_agg(phase, total), '{}')
    from (
        select phase, round(sum(seconds::numeric), 6) as total
        from (
            select * from jsonb_each_text(p_some)
            union all
            select * from jsonb_each_text(p_more)
        ) as both_of_them (phase, seconds)
        group by phase
    ) as sums
$$;
