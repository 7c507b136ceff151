-- The numbers of a job's open batches that have no wake-up in the queue, among its first p_first open ones (null: among
-- all). The finish counts only once its turn has come.
create or replace function pgdex.lost_batches(p_job_id uuid, p_first integer) returns setof integer
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select b.seq
    from (
        select seq, kind, wake_up_id from job_batches
        where job_id = p_job_id and state in ('waiting', 'running')
        order by seq limit p_first
    ) as b
    where not exists (select from procrastinate_jobs t where t.id = b.wake_up_id and t.status in ('todo', 'doing'))
        and (b.kind <> 'finish' or exists (
            select from indexing_jobs j where j.id = p_job_id and j.scanned_at is not null and j.batches_left = 0
        ))
$$;
