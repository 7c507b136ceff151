-- Fails the running jobs that no living worker can do: all of them said so (see leave_batch_to_others), and the others
-- have left since. A job never waits for somebody who is not there; where no worker lives at all it waits for one.
-- A worker lives until its peers have struck it off: no clock of the server decides here. Returns how many. Runs every
-- few seconds, and waits for no lock.
create or replace function pgdex.fail_unseen_jobs() returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
    v_failed integer := 0;
begin
    for v_job in
        select j.* from indexing_jobs j
        where j.status = 'running' and j.unseen_by <> '{}'
            and exists (select from procrastinate_workers)
            and not exists (select from procrastinate_workers w where not j.unseen_by ? w.id::text)
        for no key update of j skip locked
    loop
        perform pgdex.fail_job(v_job.id, pgdex.unseen_message(v_job), 'RootUnavailable');
        v_failed := v_failed + 1;
    end loop;
    return v_failed;
end
$$;
