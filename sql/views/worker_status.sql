-- The worker processes: what they are, whether they are alive, and how many batches they have in flight.
--
-- lock_held is true for workers that hold no session lock by design (behind a pooler); otherwise it says only that some
-- session holds a lock of that number, and any login may. beat is the number of the last heartbeat, -1 before the
-- first; peers go by it and by their own clocks. alive and heartbeat_age are for people: the worker records the time
-- with each heartbeat, so half a second after a clock was set they are right again. A heartbeat recorded hours ahead
-- belongs to no living worker.
create or replace view pgdex.worker_status as
select
    w.id,
    p.hostname,
    p.pid,
    p.started_at,
    greatest(clock_timestamp() - p.beat_at, interval '0') as heartbeat_age,
    held.yes as lock_held,
    -- SILENCE_SECONDS of jobs/worker/peers.py
    held.yes and coalesce(
        greatest(clock_timestamp() - p.beat_at, p.beat_at - clock_timestamp()) <= interval '5 seconds', false
    ) as alive,
    (select count(*) from pgdex.job_batches b where b.worker_id = w.id and b.state = 'running') as batches,
    coalesce(p.beat, -1) as beat
from pgdex.procrastinate_workers w
left join pgdex.workers p on p.id = w.id
cross join lateral (
    select
        not coalesce(p.session_lock, false)
        or w.id % 2147483648 in (
            select l.objid::bigint from pg_locks l
            where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
                and l.classid::bigint = pgdex.worker_lock_class()
                and l.database = (select oid from pg_database where datname = current_database())
        ) as yes
) as held;
