-- Enqueues a job for each of these schedules that is due by the server's clock. Returns how many.
--
-- The caller has computed, for each expression, the first time after this server's present one (p_next). A schedule of
-- which a run was missed, or several, runs once now and then at its next time. One whose view has a live job waits until
-- that has ended. A next time that lies further ahead than p_next and an hour is left from a clock that was wrong, and
-- corrected. Any number of workers may call this at once: each schedule is taken by one of them. Whatever enqueue_job
-- refuses is noted as a failure of that schedule, and the others run.
create or replace function pgdex.enqueue_scheduled(
    p_view_ids bigint[], p_expressions text[], p_next timestamp with time zone[]
) returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_schedule record;
    v_job uuid;
    v_enqueued integer := 0;
begin
    for v_schedule in
        select s.view_id, s.next_at, due.next_at as following, v.root, v.ref, v.project_id
        from unnest(p_view_ids, p_expressions, p_next) as due (view_id, expression, next_at)
        join schedules s on s.view_id = due.view_id and s.expression = due.expression
        join views v on v.id = s.view_id and v.removed_at is null
        order by s.next_at, s.view_id
        for update of s skip locked
    loop
        if v_schedule.next_at is null
            or v_schedule.next_at > greatest(v_schedule.following, clock_timestamp() + interval '1 hour') then
            update schedules set next_at = v_schedule.following where view_id = v_schedule.view_id;
            continue;
        end if;
        continue when v_schedule.next_at > clock_timestamp() or exists (
            select from indexing_jobs j where j.view_id = v_schedule.view_id and pgdex.is_live(j.status)
        );
        begin
            v_job := pgdex.enqueue_job(
                v_schedule.root, project => v_schedule.project_id, allow_broad => true, ref => v_schedule.ref
            );
            update schedules
            set next_at = v_schedule.following, last_at = clock_timestamp(), last_job_id = v_job
            where view_id = v_schedule.view_id;
            v_enqueued := v_enqueued + 1;
        exception when others then
            update schedules set next_at = v_schedule.following where view_id = v_schedule.view_id;
            perform pgdex.schedule_failed(v_schedule.view_id, sqlerrm);
        end;
    end loop;
    return v_enqueued;
end
$$;
