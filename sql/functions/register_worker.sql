-- A worker process makes itself known, once it holds (or knows that it can't hold) its session lock:
-- pg_advisory_lock(pgdex.worker_lock_class(), id).
create or replace function pgdex.register_worker(p_worker_id bigint, p_hostname text, p_pid integer, p_session_lock boolean)
returns void
language sql
set search_path = pgdex, pg_temp
as $$
    insert into workers (id, hostname, pid, session_lock) values (p_worker_id, p_hostname, p_pid, p_session_lock)
    on conflict (id) do update set session_lock = excluded.session_lock
$$;
