-- Indexes a view on a schedule: select pgdex.schedule_view(3, '*/15 * * * *');
--
-- The cron expression has five fields (minute, hour, day of the month, month, day of the week) in UTC. A view has one
-- schedule at most: this replaces it. Workers enqueue the job when it is due (enqueue_scheduled); the first time that
-- they see the expression they find out when that is, unless next_at says so. Returns the view's location. Runs with
-- its owner's rights: whoever may call it needs no rights on the tables. Errors: PX005 (no such view, not five fields).
create or replace function pgdex.schedule_view(
    view_id bigint, expression text, next_at timestamp with time zone default null
) returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_expression constant text := btrim(regexp_replace(coalesce(schedule_view.expression, ''), '\s+', ' ', 'g'));
    v_view views;
begin
    if length(v_expression) > 200 or v_expression !~ '^[A-Za-z0-9*/,#-]+( [A-Za-z0-9*/,#-]+){4}$' then
        raise exception 'a schedule is a cron expression of five fields (minute, hour, day of the month, month, day of the week), got %',
            quote_nullable(left(schedule_view.expression, 200))
            using errcode = 'PX005', hint = 'Every quarter of an hour: */15 * * * *. Every night at 3:30 UTC: 30 3 * * *.';
    end if;
    select * into v_view from views v where v.id = schedule_view.view_id and v.removed_at is null for key share;
    if not found then
        raise exception 'there is no view %', schedule_view.view_id using errcode = 'PX005';
    end if;
    insert into schedules (view_id, expression, next_at) values (v_view.id, v_expression, schedule_view.next_at)
    on conflict (view_id) do update
    set expression = excluded.expression, next_at = excluded.next_at, failures = 0, error = null;
    return pgdex.view_location(v_view.root, v_view.ref);
end
$$;
