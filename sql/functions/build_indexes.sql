-- Builds what a repository's search needs and does not have yet: the GIN index over lexemes after the first load
-- (filling it row by row costs more), and HNSW once there are p_exact_chunks vectors of the present model. Below
-- that an exact scan is as fast as anybody needs, and perfect. An index of an older model is dropped. Runs with its
-- owner's rights, since a worker owns no table; so pgvector is named by its schema, whatever else the search path holds.
create or replace function pgdex.build_indexes(p_repository_id bigint, p_exact_chunks bigint) returns void
language plpgsql security definer
set search_path = pgdex, pg_temp
as $$
declare
    v_table text := pgdex.ensure_chunk_partition(p_repository_id);
    v_repository repositories;
    v_index record;
    v_wanted text;
    v_vectors bigint;
    v_pgvector name := (
        select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector'
    );
begin
    select * into v_repository from repositories where id = p_repository_id;
    execute format('create index if not exists %I on pgdex.%I using gin (lexemes)', v_table || '_lexemes', v_table);

    v_wanted := v_table || '_hnsw_m' || v_repository.model_id;
    for v_index in
        select indexname from pg_indexes
        where schemaname = 'pgdex' and tablename = v_table and indexname like v_table || '\_hnsw\_m%'
            and indexname is distinct from v_wanted
    loop
        execute format('drop index pgdex.%I', v_index.indexname);
    end loop;
    -- HNSW takes halfvecs of up to 4,000 dimensions; larger ones are searched exactly.
    if v_wanted is not null and v_repository.embedding_dimension <= 4000
        and to_regclass('pgdex.' || v_wanted) is null then
        execute format('select count(*) from (select from pgdex.%I where model_id = %s limit %s) as c',
                       v_table, v_repository.model_id, p_exact_chunks + 1) into v_vectors;
        if v_vectors > p_exact_chunks then
            execute format(
                'create index %1$I on pgdex.%2$I using hnsw ((embedding::%3$I.halfvec(%4$s)) %3$I.halfvec_cosine_ops)'
                ' where model_id = %5$s',
                v_wanted, v_table, v_pgvector, v_repository.embedding_dimension, v_repository.model_id
            );
        end if;
    end if;
    execute format('analyze pgdex.%I', v_table);
end
$$;
