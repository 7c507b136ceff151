-- Cancels a job as cancel_job does, and returns what a front end shows next as well, in one round trip: its status
-- before, and the message that it now has. With a project, only a job of that one.
--
--   select * from pgdex.cancel_job_with_message('…', project => 'web');
-- Errors: PX001 (no such job, or of another project, or of a repository that was removed), PX002 (as cancel_job).
create or replace function pgdex.cancel_job_with_message(
    job_id uuid,
    project text default null,
    out previous_status text,
    out message text
)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    if not exists (
        select from job_status s
        where s.job_id = cancel_job_with_message.job_id and (project is null or s.project_id = project)
    ) then
        raise exception 'there is no job %', cancel_job_with_message.job_id using errcode = 'PX001';
    end if;
    previous_status := cancel_job(cancel_job_with_message.job_id);
    select job_message(j) into message from indexing_jobs j where j.id = cancel_job_with_message.job_id;
end
$$;
