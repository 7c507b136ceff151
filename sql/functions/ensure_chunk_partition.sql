-- Makes sure that a repository has its partition of chunks and returns the partition's name.
--
-- The table is made on its own and then attached: that takes SHARE UPDATE EXCLUSIVE on the parent, so searches
-- and other jobs' writes go on (CREATE TABLE … PARTITION OF would shut them out). Runs with its owner's rights, since
-- a worker owns no table; whoever may use chunks may use the new partition in the same way.
-- Errors: PX005 (there is no such repository).
create or replace function pgdex.ensure_chunk_partition(p_repository_id bigint) returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_name text := 'chunks_r' || p_repository_id;
begin
    if to_regclass(format('pgdex.%I', v_name)) is null then
        perform pg_advisory_xact_lock(hashtext('pgdex.chunks'), p_repository_id::integer);
        if to_regclass(format('pgdex.%I', v_name)) is null then
            if not exists (select from repositories where id = p_repository_id) then
                raise exception 'there is no repository %', p_repository_id using errcode = 'PX005';
            end if;
            execute format('create table pgdex.%I (like pgdex.chunks including all)', v_name);
            execute format(
                'alter table pgdex.%I add constraint %I check (repository_id = %s)',
                v_name, v_name || '_repository', p_repository_id
            );
            execute format(
                'alter table pgdex.chunks attach partition pgdex.%I for values in (%s)', v_name, p_repository_id
            );
            perform pgdex.share_chunk_grants(to_regclass(format('pgdex.%I', v_name)));
        end if;
    end if;
    return v_name;
end
$$;
