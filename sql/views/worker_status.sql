-- The worker processes: who they are, whether they live, and what they have in hand.
--
-- lock_held is true for workers that hold no session lock by design (behind a pooler); heartbeat_age decides there.
create or replace view pgdex.worker_status as
select
    w.id,
    p.hostname,
    p.pid,
    p.started_at,
    clock_timestamp() - w.last_heartbeat as heartbeat_age,
    held.yes as lock_held,
    held.yes and clock_timestamp() - w.last_heartbeat < interval '5 seconds' as alive,
    (select count(*) from pgdex.job_batches b where b.worker_id = w.id and b.state = 'running') as batches
from pgdex.procrastinate_workers w
left join pgdex.workers p on p.id = w.id
cross join lateral (
    select
        not coalesce(p.session_lock, false)
        or exists (
            select from pg_locks l
            where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
                and l.classid::bigint = pgdex.worker_lock_class() and l.objid::bigint = w.id % 2147483648
                and l.database = (select oid from pg_database where datname = current_database())
        ) as yes
) as held;
