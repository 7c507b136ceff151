-- What the last p_seconds weigh in the rate of a job: an exponential with a time constant of 15 s, integrated over them.
-- Work that went on evenly for that long counts with recent_weight(p_seconds) / p_seconds. Null for no time at all.
--
-- Ages are capped at 1500 s: after three hours exp() would raise an underflow.
create or replace function pgdex.recent_weight(p_seconds double precision) returns double precision
language sql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select nullif(15 * (1 - exp(-least(greatest(p_seconds, 0), 1500) / 15)), 0)
$$;
