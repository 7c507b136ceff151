-- The role pgdex_reader sees everything and changes nothing.
--
--   grant pgdex_reader to alice;
--
-- Promises: reads pgdex's tables and views, of all projects, and searches. May not write to any table, and may call no
-- function that does. Roles belong to the whole server: it is created if no database has created it before, and given
-- its rights in this one. If the upgrade may not create roles, there is none, and the schema's owner works as always.
do $$
declare
    v_pgvector regnamespace := (select extnamespace::regnamespace from pg_extension where extname = 'vector');
begin
    if to_regrole('pgdex_reader') is null then
        begin
            create role pgdex_reader nologin;
        exception
            when duplicate_object or unique_violation then
                null;  -- another database of this server was upgraded at the same time
            when insufficient_privilege then
                raise notice 'the role pgdex_reader was not made: % may not create roles', current_user;
                return;
        end;
    end if;

    grant usage on schema pgdex to pgdex_reader;
    if not has_schema_privilege('pgdex_reader', v_pgvector::oid, 'usage') then
        begin
            execute format('grant usage on schema %s to pgdex_reader', v_pgvector);
        exception when insufficient_privilege then
            raise warning 'pgdex_reader may not use pgvector until its owner runs: grant usage on schema % to pgdex_reader',
                v_pgvector;
        end;
    end if;
    grant select on
        pgdex.projects, pgdex.repositories, pgdex.views, pgdex.view_files, pgdex.versions, pgdex.chunks,
        pgdex.embedding_models,
        pgdex.indexing_jobs, pgdex.job_batches, pgdex.job_events, pgdex.workers, pgdex.settings,
        pgdex.vector_index_builds, pgdex.schedules, pgdex.submodules,
        pgdex.job_status, pgdex.repositories_status, pgdex.views_status, pgdex.worker_status, pgdex.files,
        pgdex.skipped_files
        to pgdex_reader;
    perform pgdex.share_chunk_grants(inhrelid) from pg_inherits where inhparent = 'pgdex.chunks'::regclass;
    perform pgdex.share_chunk_grants(oid) from pg_class
    where relnamespace = 'pgdex'::regnamespace and relkind = 'r' and relname ~ '^chunks_r[0-9]+_signatures_m[0-9]+$';
    grant execute on function
        pgdex.duration_text, pgdex.job_eta_seconds, pgdex.job_message, pgdex.job_percentage, pgdex.job_phase,
        pgdex.job_rate, pgdex.recent_weight, pgdex.embedded_in_flight, pgdex.thousands, pgdex.worker_lock_class,
        pgdex.jobs_before, pgdex.jobs_before_text, pgdex.waiting_projects, pgdex.free_admissions, pgdex.setting,
        pgdex.max_concurrent_jobs, pgdex.is_live,
        pgdex.normalized_path, pgdex.names_repository, pgdex.view_location, pgdex.broad_folder,
        pgdex.search_lexical, pgdex.search_definitions, pgdex.search_paths, pgdex.search_vectors,
        pgdex.search_by_signatures,
        pgdex.matching_versions, pgdex.version_condition, pgdex.view_scope, pgdex.term_frequencies, pgdex.chunk_table,
        pgdex.chunk_count, pgdex.reads_every_chunk, pgdex.vector_index_name, pgdex.signature_table_name,
        pgdex.signature_expression,
        pgdex.chunk_bytes, pgdex.repository_sizes, pgdex.removal_effect
        to pgdex_reader;
end
$$;
