-- Registers a worker process, once it holds (or knows that it can't hold) its session lock:
-- pg_advisory_lock(pgdex.worker_lock_class(), id). Returns false if its number is no longer valid: its peers presumed
-- it dead while its session was broken, and it needs a new one.
create or replace function pgdex.register_worker(p_worker_id bigint, p_hostname text, p_pid integer, p_session_lock boolean)
returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    perform from procrastinate_workers where id = p_worker_id for key share;
    if not found then
        return false;
    end if;
    insert into workers (id, hostname, pid, session_lock) values (p_worker_id, p_hostname, p_pid, p_session_lock)
    on conflict (id) do update set session_lock = excluded.session_lock;
    return true;
end
$$;
