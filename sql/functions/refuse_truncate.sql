-- Jobs, their batches and their history are deleted job by job: TRUNCATE would bypass every rule that rows obey.
-- Errors: PX002.
create or replace function pgdex.refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    raise exception 'the table % cannot be emptied with TRUNCATE: live jobs and the history of jobs would go with it',
        tg_table_name
        using errcode = 'PX002',
            hint = 'Delete jobs that have ended: delete from pgdex.indexing_jobs where status in (''completed'', ''failed'', ''cancelled'');';
end
$$;
