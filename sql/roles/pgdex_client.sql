-- The role pgdex_client requests work: it enqueues, cancels and retries jobs, renames and removes repositories, and is a
-- pgdex_reader.
--
--   grant pgdex_client to bob;
--
-- Promises: calls enqueue_job, cancel_job, remove_repository and the like, which write with their owner's rights and by the rules
-- for jobs. May not write to any table itself, change a setting, or call what workers call. A client can index, and so
-- read, any folder that the workers can read. Created or skipped like pgdex_reader.
do $$
begin
    if to_regrole('pgdex_client') is null then
        begin
            create role pgdex_client nologin;
        exception
            when duplicate_object or unique_violation then
                null;  -- another database of this server was upgraded at the same time
            when insufficient_privilege then
                raise notice 'the role pgdex_client was not made: % may not create roles', current_user;
                return;
        end;
    end if;
    if not coalesce(pg_has_role('pgdex_client', to_regrole('pgdex_reader'), 'member'), true) then
        begin
            grant pgdex_reader to pgdex_client;
        exception
            when unique_violation then
                null;
            when insufficient_privilege then
                raise notice 'pgdex_client is no pgdex_reader: % may not grant that', current_user;
        end;
    end if;

    grant execute on function
        pgdex.enqueue_job, pgdex.cancel_job, pgdex.cancel_job_with_message, pgdex.remove_repository, pgdex.remove_view, pgdex.remove_portion,
        pgdex.rename_repository, pgdex.rename_view, pgdex.retry_job, pgdex.schedule_view, pgdex.unschedule_view
        to pgdex_client;
end
$$;
