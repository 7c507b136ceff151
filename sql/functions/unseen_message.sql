-- Why no worker can do a job: what its workers reported (see leave_batch_to_others). Only the reason if all reported
-- the same.
create or replace function pgdex.unseen_message(job pgdex.indexing_jobs) returns text
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select case
        when count(distinct said ->> 'reason') = 1 then min(said ->> 'reason')
        else format('None of the workers can index %s. ', job.repo_path) || string_agg(
            format('%s (worker %s): %s', coalesce(said ->> 'host', 'a machine'), worker, said ->> 'reason'), '; '
            order by worker::bigint
        )
    end
    from jsonb_each(job.unseen_by) as u (worker, said)
$$;
