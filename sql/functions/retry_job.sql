-- Runs a failed or cancelled job again, as a new job: select pgdex.retry_job('…');
--
-- Returns the id of a new job of the same view, with the embedder and the force of the old one; what else was chosen is
-- remembered for the view. If the view has a live job, that one's id is returned, as enqueue_job does; whoever chooses
-- new_job_id sees from the answer which it is. The old job stays as it is. The rules of enqueue_job hold for whoever
-- calls this: an embedder that is not the index's needs a worker's rights, or the workers' consent. Runs with its
-- owner's rights: whoever may call it needs no rights on the tables. Errors: PX001 (no such job, or its view was
-- removed), PX002 (it is live, or completed), and those of enqueue_job.
create or replace function pgdex.retry_job(job_id uuid, new_job_id uuid default gen_random_uuid()) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
    v_view views;
begin
    select * into v_job from indexing_jobs j where j.id = retry_job.job_id;
    select * into v_view from views v where v.id = v_job.view_id and v.removed_at is null;
    if not found then
        raise exception 'there is no job %', retry_job.job_id using errcode = 'PX001';
    end if;
    if v_job.status not in ('failed', 'cancelled') then
        raise exception 'job % is %: only failed and cancelled jobs can be retried', v_job.id, v_job.status
            using errcode = 'PX002';
    end if;
    return pgdex.enqueue_job(
        v_view.root, project => v_job.project_id, force => v_job.force_reindex, embedder => v_job.embedder,
        job_id => retry_job.new_job_id, allow_broad => true, ref => v_view.ref
    );
end
$$;
