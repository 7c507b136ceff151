-- Notes with the schedule of a view, if it has one, that a job of it failed: the next try is not before 1, 2, 4 … 60 minutes
-- have passed, nor before the schedule says so.
create or replace function pgdex.schedule_failed(p_view_id bigint, p_error text) returns void
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    update schedules
    set failures = failures + 1, error = left(p_error, 2000),
        next_at = greatest(
            next_at, clock_timestamp() + least(60, 2 ^ least(failures, 6)) * interval '1 minute'
        )
    where view_id = p_view_id
$$;
