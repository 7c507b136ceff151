-- Ends the schedule of a view: select pgdex.unschedule_view(3);
--
-- A running job continues. Returns the expression that the schedule had, or null if there was none. Runs with its
-- owner's rights: whoever may call it needs no rights on the tables.
create or replace function pgdex.unschedule_view(view_id bigint) returns text
language sql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
    delete from schedules s where s.view_id = unschedule_view.view_id returning s.expression
$$;
