-- Fails the running jobs that no living worker can do: all of them have said so (see leave_batch_to_others), and other
-- workers that could have left since. A worker that has left may come back: its supervisor or its container restarts a
-- killed process within seconds, and the new one may see the folder. So a job is given up when c_rounds rounds in a row have
-- found no worker for it: 20 seconds, since heal_batches runs one every two. If no worker is alive at all, the job
-- waits for one. A worker counts as living until its peers have evicted it: no clock of the server decides here.
-- Returns how many jobs failed. Waits for no lock.
create or replace function pgdex.fail_unseen_jobs() returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    c_rounds constant integer := 10;
    v_job indexing_jobs;
    v_is_alone boolean;
    v_failed integer := 0;
begin
    if not exists (select from procrastinate_workers) then
        return 0;
    end if;
    for v_job in
        select j.* from indexing_jobs j
        where j.status = 'running' and j.unseen_by <> '{}'
        for no key update of j skip locked
    loop
        v_is_alone := not exists (select from procrastinate_workers w where not v_job.unseen_by ? w.id::text);
        if v_is_alone and v_job.unseen_rounds + 1 >= c_rounds then
            perform pgdex.fail_job(v_job.id, pgdex.unseen_message(v_job), 'RootUnavailable');
            v_failed := v_failed + 1;
        elsif v_is_alone or v_job.unseen_rounds > 0 then
            update indexing_jobs set unseen_rounds = case when v_is_alone then unseen_rounds + 1 else 0 end
            where id = v_job.id;
        end if;
    end loop;
    return v_failed;
end
$$;
