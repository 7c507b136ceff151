-- Makes sure that a repository has its partition of chunks and returns the partition's name.
--
-- The table is made on its own and then attached: that takes SHARE UPDATE EXCLUSIVE on the parent, so searches
-- and other jobs' writes go on (CREATE TABLE … PARTITION OF would shut them out).
create or replace function pgdex.ensure_chunk_partition(p_repository_id bigint) returns text
language plpgsql
set search_path = pgdex, public, pg_temp
as $$
declare
    v_name text := 'chunks_r' || p_repository_id;
begin
    if to_regclass(format('pgdex.%I', v_name)) is null then
        perform pg_advisory_xact_lock(hashtext('pgdex.chunks'), p_repository_id::integer);
        if to_regclass(format('pgdex.%I', v_name)) is null then
            execute format('create table pgdex.%I (like pgdex.chunks including all)', v_name);
            execute format(
                'alter table pgdex.%I add constraint %I check (repository_id = %s)',
                v_name, v_name || '_repository', p_repository_id
            );
            execute format(
                'alter table pgdex.chunks attach partition pgdex.%I for values in (%s)', v_name, p_repository_id
            );
        end if;
    end if;
    return v_name;
end
$$;
