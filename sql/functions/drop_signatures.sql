-- Drops the tables of signatures of a repository, with the triggers that keep them right; or all but the one that is named,
-- which the triggers belong to.
--
-- Raises lock_not_available if another transaction uses them for longer than the caller's lock timeout.
create or replace function pgdex.drop_signatures(p_repository_id bigint, p_kept text default null) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_name text;
begin
    for v_name in
        select c.relname::text from pg_class c
        where c.relnamespace = 'pgdex'::regnamespace and c.relkind = 'r'
            and c.relname like format('chunks\_r%s\_signatures\_m%%', p_repository_id)
            and c.relname is distinct from p_kept
    loop
        if p_kept is null and to_regclass('pgdex.chunks_r' || p_repository_id) is not null then
            execute format('drop trigger if exists added_chunks_have_signatures on pgdex.%I', 'chunks_r' || p_repository_id);
            execute format('drop trigger if exists deleted_chunks_have_none on pgdex.%I', 'chunks_r' || p_repository_id);
        end if;
        execute format('drop table if exists pgdex.%I', v_name);
    end loop;
end
$$;
