-- Makes the table of signatures of a repository with more than p_exact_chunks chunks, unless it is there, and drops
-- those of former models, and one that no triggers keep right. With it a search needs no vector index: it compares the
-- signatures of all chunks that pass its filters, and the vectors of the best few thousand (search_vectors).
--
-- A chunk takes 125 bytes, making the table 1.3 microseconds a chunk, scanning it 0.1. It is made by the finish of the
-- first job (of a repository that is there already, by that of its next one); from then on two triggers on the table of
-- chunks keep it right. It waits for those who write chunks of the repository, for the caller's lock timeout at most
-- (lock_not_available), and they for it. Searches wait for nothing, also when the model changes: they read the table of
-- chunks throughout. For the owner of the tables: build_indexes calls it.
create or replace function pgdex.build_signatures(p_repository_id bigint, p_exact_chunks bigint) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_repository repositories;
    v_signatures text;
    v_owner regclass := to_regclass('pgdex.chunks_r' || p_repository_id);
begin
    select * into v_repository from repositories where id = p_repository_id;
    v_signatures := pgdex.signature_table_name(p_repository_id, v_repository.model_id);
    if pgdex.signatures_are_kept(v_owner, v_signatures) then
        perform pgdex.drop_signatures(p_repository_id, v_signatures);
        return;
    end if;
    if v_repository.chunk_table is distinct from 'chunks_r' || p_repository_id
        or v_repository.chunks <= p_exact_chunks or coalesce(v_repository.embedding_dimension, 4001) > 4000 then
        perform pgdex.drop_signatures(p_repository_id);
        return;
    end if;
    execute format('lock table pgdex.%I in share row exclusive mode', v_repository.chunk_table);
    -- Another view's finish may have made it while this one waited.
    if pgdex.signatures_are_kept(v_owner, v_signatures) then
        return;
    end if;
    execute format('drop table if exists pgdex.%I', v_signatures);
    execute format(
        'create table pgdex.%I as select version_id, ordinal, kind, %s as signature from pgdex.%I where model_id = %s',
        v_signatures,
        pgdex.signature_expression(
            format('embedding::@extschema:vector@.halfvec(%s)', v_repository.embedding_dimension),
            v_repository.embedding_dimension
        ),
        v_repository.chunk_table, v_repository.model_id
    );
    execute format('create index on pgdex.%I (version_id)', v_signatures);
    -- Replaced, not dropped and made again: dropping a trigger keeps searches from the table until the transaction ends.
    execute format(
        'create or replace trigger added_chunks_have_signatures after insert on pgdex.%I'
        ' referencing new table as changed for each statement execute function pgdex.keep_signatures(%L, %s, %s)',
        v_repository.chunk_table, v_signatures, v_repository.model_id, v_repository.embedding_dimension
    );
    execute format(
        'create or replace trigger deleted_chunks_have_none after delete on pgdex.%I'
        ' referencing old table as changed for each statement execute function pgdex.keep_signatures(%L, %s, %s)',
        v_repository.chunk_table, v_signatures, v_repository.model_id, v_repository.embedding_dimension
    );
    perform pgdex.share_chunk_grants(to_regclass(format('pgdex.%I', v_signatures)));
    perform pgdex.drop_signatures(p_repository_id, v_signatures);
end
$$;
