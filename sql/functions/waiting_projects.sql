-- The projects that have a job waiting to be admitted, with what decides whose turn is next: the number of the
-- project's last admission (0 if there was none yet), and between two new projects the job that has waited longest. One
-- index probe per project, however many jobs wait.
create or replace function pgdex.waiting_projects()
returns table (project_id text, turn bigint, first_number bigint)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    with recursive waiting (project_id) as (
        (select j.project_id from indexing_jobs j where j.waits_for_admission order by j.project_id limit 1)
        union all
        select (
            select j.project_id from indexing_jobs j
            where j.waits_for_admission and j.project_id > w.project_id order by j.project_id limit 1
        )
        from waiting w where w.project_id is not null
    )
    select w.project_id, coalesce(p.turn, 0), first.queue_number
    from waiting w
    left join projects p on p.id = w.project_id
    cross join lateral (
        select j.queue_number from indexing_jobs j
        where j.waits_for_admission and j.project_id = w.project_id order by j.status, j.queue_number limit 1
    ) as first
    where w.project_id is not null
$$;
