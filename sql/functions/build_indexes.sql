-- Builds what a repository's search needs at the end of its running job, before complete_job and not in its
-- transaction.
--
-- A repository that has outgrown the shared tables (p_limit) moves to a table of its own. There it gets the GIN index
-- over lexemes after the first load (filling it row by row costs more), and the statistics that term_frequencies and
-- the planner use, if there are none yet or the job wrote a tenth of the chunks. So a job that found nothing to do does
-- not pay for the size of the index. What many small jobs add up to is left to autovacuum, as are the shared tables.
-- ANALYZE keeps the frequencies of some ten times as many terms as the statistics target says, and all others are
-- counted in each search, up to 2,000 (term_frequencies): so that none is more frequent than that, the target grows with
-- the chunks. With 500 instead of 100, words are found in a million chunks in 13 ms instead of 38; ANALYZE takes 4 s
-- instead of 1. A
-- repository with more than p_exact_chunks chunks gets signatures of its vectors (build_signatures). A vector index is
-- not built here (see vector_indexes_due): no job waits for one. If another session holds a lock that
-- this needs for longer than the lock timeout, it raises lock_not_available and can be called again. Runs with its
-- owner's rights, because a worker owns no table.
create or replace function pgdex.build_indexes(
    p_repository_id bigint, p_limit bigint default 10000, p_exact_chunks bigint default 50000
) returns void
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '3s'
as $$
declare
    v_chunks bigint := (select coalesce(sum(chunks), 0) from versions where repository_id = p_repository_id);
    v_table text := pgdex.ensure_chunk_partition(p_repository_id, v_chunks, p_limit);
    v_written bigint;
    v_target integer := least(v_chunks / 2000, 1000);
    v_is_coarse boolean;
begin
    update repositories set chunks = v_chunks where id = p_repository_id and chunks <> v_chunks;
    if v_table <> 'chunks_r' || p_repository_id then
        return;
    end if;
    if to_regclass(format('pgdex.%I', v_table || '_lexemes')) is null then
        execute format('create index if not exists %I on pgdex.%I using gin (lexemes)', v_table || '_lexemes', v_table);
    end if;
    v_written := (
        select sum(j.chunks_created)
        from indexing_jobs j join views v on v.id = j.view_id
        where v.repository_id = p_repository_id and j.status = 'running'
    );
    v_is_coarse := v_target > 1.5 * (
        select coalesce(nullif(attstattarget, -1), current_setting('default_statistics_target')::integer)
        from pg_attribute where attrelid = to_regclass('pgdex.' || v_table) and attname = 'lexemes'
    );
    if v_is_coarse then
        execute format('alter table pgdex.%I alter column lexemes set statistics %s', v_table, v_target);
    end if;
    if v_is_coarse or v_written * 10 >= v_chunks or not exists (
        select from pg_stats where schemaname = 'pgdex' and tablename = v_table and attname = 'lexemes'
    ) then
        execute format('analyze pgdex.%I', v_table);
    end if;
    perform pgdex.build_signatures(p_repository_id, p_exact_chunks);
end
$$;
