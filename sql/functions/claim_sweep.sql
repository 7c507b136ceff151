-- The next repository whose versions are to be swept (sweep_versions), which no worker has done for p_period; null where
-- there is none. Whoever gets it does it: another caller gets another one.
create or replace function pgdex.claim_sweep(p_period interval default '20 hours') returns bigint
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    update repositories set swept_at = clock_timestamp()
    where id = (
        select id from repositories
        where removed_at is null and not swept_at between clock_timestamp() - p_period and clock_timestamp()
        order by id limit 1
        for no key update skip locked
    )
    returning id
$$;
