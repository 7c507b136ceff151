-- Admits jobs that wait for it, while fewer than max_concurrent_jobs are admitted. Returns how many it admitted.
--
-- Projects take turns: the project whose last admission is longest ago is next, so that 3,000 jobs of one don't delay
-- the first job of another. Within a project, jobs that were blocked and whose service answers again come first, then
-- the oldest. A pending job gets its scan queued, and stays pending until a worker starts it; a blocked job runs again.
-- Only workers call this, on each tick and in a transaction of its own, so that a client's open transaction can't stop
-- others. The row `admission` of cluster_duties makes the count exact. A worker that finds the row locked carries on
-- without waiting, and jobs and projects that another transaction has locked are left for the next call.
create or replace function pgdex.admit_jobs() returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '100ms'
as $$
declare
    v_project record;
    v_job indexing_jobs;
    v_turn bigint;
    v_free integer;
    v_admitted integer := 0;
    v_before integer;
begin
    -- Without the lock at first: a tick that finds nothing to do writes nothing. Ordered, for the index, and therefore not
    -- `exists`, which drops the order: where very many wait the planner expects to find one soon, and reads the history.
    if (select id from indexing_jobs where waits_for_admission order by project_id limit 1) is null or pgdex.free_admissions() = 0 then
        return 0;
    end if;
    select counter into v_turn from cluster_duties where name = 'admission' for no key update skip locked;
    if not found then
        return 0;
    end if;
    v_free := pgdex.free_admissions();
    <<rounds>>
    while v_free > 0 loop
        v_before := v_admitted;
        for v_project in select project_id from pgdex.waiting_projects() order by turn, first_number loop
            exit rounds when v_free = 0;
            begin
                select * into v_job from indexing_jobs
                where waits_for_admission and project_id = v_project.project_id
                order by status, queue_number  -- blocked comes before pending
                limit 1
                for no key update skip locked;
                continue when not found;
                insert into projects (id, turn) values (v_project.project_id, v_turn + 1)
                on conflict (id) do update set turn = excluded.turn;
                if v_job.status = 'pending' then
                    update indexing_jobs set admitted_at = clock_timestamp() where id = v_job.id;
                    perform pgdex.queue_batches(v_job.id, array[0]);
                else
                    update indexing_jobs set status = 'running' where id = v_job.id;
                    perform pgdex.queue_batches(v_job.id, array(
                        select seq from job_batches
                        where job_id = v_job.id and state = 'waiting' and wake_up_id is null
                            and (kind <> 'finish' or (v_job.scanned_at is not null and v_job.batches_left = 0))
                    ));
                end if;
            exception
                when sqlstate 'PX002' then
                    exit rounds;  -- guard_job counted fewer: the limit has just been lowered
                when lock_not_available then
                    continue;  -- another transaction has locked the project's row
            end;
            v_turn := v_turn + 1;
            v_free := v_free - 1;
            v_admitted := v_admitted + 1;
        end loop;
        exit when v_admitted = v_before;
    end loop;
    if v_admitted > 0 then
        update cluster_duties set counter = v_turn where name = 'admission';
    end if;
    return v_admitted;
end
$$;
