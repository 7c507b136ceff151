-- Builds what a repository's search needs at the end of its running job: the GIN index over lexemes after the first
-- load (filling it row by row costs more), and the statistics that term_frequencies and the planner go by, where there
-- are none or the job wrote a tenth of the chunks; so a job that found nothing to do does not pay for the size of the
-- index. What smaller jobs add up to is autovacuum's. A vector index of an older model is dropped; a new one is not
-- built here (see vector_indexes_due): no job waits for it. Runs with its owner's rights, since a worker owns no table.
create or replace function pgdex.build_indexes(p_repository_id bigint) returns void
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_table text := pgdex.ensure_chunk_partition(p_repository_id);
    v_written bigint := (
        select chunks_created from indexing_jobs where repository_id = p_repository_id and status = 'running'
    );
    v_is_described boolean := exists (
        select from pg_stats where schemaname = 'pgdex' and tablename = v_table and attname = 'lexemes'
    );
begin
    execute format('create index if not exists %I on pgdex.%I using gin (lexemes)', v_table || '_lexemes', v_table);
    perform pgdex.drop_vector_indexes(p_repository_id, (select model_id from repositories where id = p_repository_id));
    if not v_is_described
        or v_written * 10 >= (select reltuples from pg_class where oid = to_regclass('pgdex.' || v_table)) then
        execute format('analyze pgdex.%I', v_table);
    end if;
end
$$;
