-- The role pgdex_worker does the jobs: it is for the login of `pgdex worker`, and is a pgdex_client.
--
--   grant pgdex_worker to indexer;
--
-- Promises: calls what workers call, and writes the rows that the work consists of; the triggers of indexing_jobs and
-- job_events apply to it too. May not create, alter, drop or truncate anything (tables and indexes of chunks are
-- created by ensure_chunk_partition, build_indexes and build_vector_index, and dropped by drop_vector_indexes and
-- remove_portion, with their owner's rights), change or delete events, enqueue except through enqueue_job, or change
-- settings except through set_setting. Created or skipped like pgdex_reader.
do $$
begin
    if to_regrole('pgdex_worker') is null then
        begin
            create role pgdex_worker nologin;
        exception
            when duplicate_object or unique_violation then
                null;  -- another database of this server was upgraded at the same time
            when insufficient_privilege then
                raise notice 'the role pgdex_worker was not made: % may not create roles', current_user;
                return;
        end;
    end if;
    if not coalesce(pg_has_role('pgdex_worker', to_regrole('pgdex_client'), 'member'), true) then
        begin
            grant pgdex_client to pgdex_worker;
        exception
            when unique_violation then
                null;
            when insufficient_privilege then
                raise notice 'pgdex_worker is no pgdex_client: % may not grant that', current_user;
        end;
    end if;

    -- The jobs: their life, their batches, their history.
    grant update, delete on pgdex.indexing_jobs to pgdex_worker;
    grant insert, update on pgdex.job_batches to pgdex_worker;
    grant insert on pgdex.job_events to pgdex_worker;
    grant select, insert, delete on pgdex.kept_embeddings to pgdex_worker;
    grant select, insert, update on pgdex.embedder_budgets to pgdex_worker;
    grant insert, update (session_lock, beat, beat_at) on pgdex.workers to pgdex_worker;
    -- Locking a row takes the right to update it: no role below a worker's can stop the duties that these rows guard.
    grant select, update (counter) on pgdex.cluster_duties to pgdex_worker;
    grant insert, update (turn) on pgdex.projects to pgdex_worker;
    -- The index.
    grant update (
        model_id, embedding_model, embedding_dimension, chunks, has_older_vectors, swept_at
    )
        on pgdex.repositories to pgdex_worker;
    grant update (last_indexed_at, last_job_id, chunks, witness, is_default, missing_since) on pgdex.views to pgdex_worker;
    grant insert, update (name) on pgdex.embedding_models to pgdex_worker;
    grant insert, update, delete on pgdex.view_files, pgdex.versions to pgdex_worker;
    grant insert, delete on pgdex.chunks to pgdex_worker;
    perform pgdex.share_chunk_grants(inhrelid) from pg_inherits where inhparent = 'pgdex.chunks'::regclass;
    grant update (next_at, last_at, last_job_id, failures, error) on pgdex.schedules to pgdex_worker;
    -- procrastinate's queue: its functions and triggers run with the rights of their caller.
    grant select, insert, delete, update (status, worker_id, abort_requested, attempts)
        on pgdex.procrastinate_jobs to pgdex_worker;
    grant select, insert, delete, update (last_heartbeat) on pgdex.procrastinate_workers to pgdex_worker;
    grant insert on pgdex.procrastinate_events to pgdex_worker;
    grant select, insert, delete, update (job_id) on pgdex.procrastinate_periodic_defers to pgdex_worker;
    grant usage on sequence
        pgdex.procrastinate_jobs_id_seq, pgdex.procrastinate_events_id_seq, pgdex.procrastinate_periodic_defers_id_seq
        to pgdex_worker;

    grant execute on function
        pgdex.register_worker, pgdex.tick, pgdex.heal_batches, pgdex.reclaim_batches, pgdex.admit_jobs,
        pgdex.lost_batches,
        pgdex.drop_wake_ups, pgdex.queue_batches, pgdex.analyze_queue, pgdex.set_setting,
        pgdex.fetch_wake_up, pgdex.leave_batch_to_others, pgdex.unseen_message, pgdex.fail_unseen_jobs,
        pgdex.claim_batch, pgdex.mark_in_progress, pgdex.report_batch, pgdex.release_batch, pgdex.close_own_batch,
        pgdex.ensure_chunk_partition, pgdex.lock_chunk_table, pgdex.delete_chunks, pgdex.plan_job, pgdex.note_ignored,
        pgdex.register_model,
        pgdex.join_family, pgdex.choose_default_view, pgdex.store_versions, pgdex.set_view_files, pgdex.note_blob_ids,
        pgdex.remove_view_files, pgdex.mark_unused_versions, pgdex.sweep_versions, pgdex.claim_sweep, pgdex.delete_versions,
        pgdex.remove_unused_versions, pgdex.complete_batch, pgdex.record_progress,
        pgdex.build_indexes, pgdex.drop_vector_indexes, pgdex.vector_index_name, pgdex.vector_indexes_due,
        pgdex.build_vector_index, pgdex.vector_index_failed, pgdex.drop_unwanted_vector_indexes,
        pgdex.rewrites_vector_index, pgdex.complete_job, pgdex.close_batches, pgdex.fail_batch, pgdex.fail_job, pgdex.mark_missing_view,
        pgdex.lock_live_job, pgdex.block_job, pgdex.claim_probes, pgdex.probe_failed, pgdex.resume_job,
        pgdex.remove_old_jobs, pgdex.known_embeddings, pgdex.keep_embeddings, pgdex.take_embedder_budget, pgdex.embedded_text_hash, pgdex.added_seconds,
        pgdex.added_counts, pgdex.enqueue_scheduled, pgdex.schedule_failed, pgdex.follow_submodules
        to pgdex_worker;
    grant execute on function
        pgdex.procrastinate_register_worker_v1, pgdex.procrastinate_unregister_worker_v1,
        pgdex.procrastinate_update_heartbeat_v1, pgdex.procrastinate_prune_stalled_workers_v1,
        pgdex.procrastinate_defer_jobs_v1, pgdex.procrastinate_fetch_job_v2, pgdex.procrastinate_finish_job_v1,
        pgdex.procrastinate_cancel_job_v1, pgdex.procrastinate_defer_periodic_job_v2
        to pgdex_worker;
end
$$;
