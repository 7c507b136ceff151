-- Notes that the folder of a failed job's view is gone, where every worker that looked for it said so (see
-- leave_batch_to_others). The next scan that finds it takes the note back (plan_job). A view that is gone is not what a
-- search of the project looks into, if the repository has another one. Waits for no lock: what is locked just now stays as
-- it is, until the next job fails.
create or replace function pgdex.mark_missing_view(p_job_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_view views;
begin
    if not coalesce((
        select bool_and(coalesce((said -> 'is_missing')::boolean, false))
        from indexing_jobs j cross join jsonb_each(j.unseen_by) as u (worker, said)
        where j.id = p_job_id
    ), false) then
        return;
    end if;
    select v.* into v_view from views v
    where v.id = (select j.view_id from indexing_jobs j where j.id = p_job_id);
    -- The repository before its views, as complete_job does.
    perform from repositories r where r.id = v_view.repository_id for no key update skip locked;
    if not found then
        return;
    end if;
    perform from views v where v.id = v_view.id and v.missing_since is null for no key update skip locked;
    if not found then
        return;
    end if;
    update views v set missing_since = clock_timestamp() where v.id = v_view.id;
    perform pgdex.choose_default_view(v_view.repository_id);
end
$$;
