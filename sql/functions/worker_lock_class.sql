-- The first key of the advisory lock that each worker holds while its session is open ("pgdx" in ASCII).
create or replace function pgdex.worker_lock_class() returns integer
language sql immutable
as $$ select 1885824120 $$;
