-- Keeps what a batch had embedded when the embedding service failed, for whichever batch of the job takes the files next.
-- embeddings: as halfvec_send writes them. Only the batch's present attempt may, and only while the job is live; what
-- is kept already stays. close_batches removes them all when the job ends. Returns whether they were kept.
create or replace function pgdex.keep_embeddings(
    p_job_id uuid, p_seq integer, p_attempt integer, p_hashes uuid[], p_embeddings bytea[]
) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    -- Both are locked, so that a job that ends meanwhile removes these too; the job first, as everywhere.
    perform from indexing_jobs where id = p_job_id for key share;
    perform from job_batches
    where job_id = p_job_id and seq = p_seq and attempt = p_attempt and state = 'running'
    for update;
    if not found then
        return false;
    end if;
    insert into kept_embeddings (job_id, text_hash, embedding)
    select p_job_id, kept.text_hash, kept.embedding
    from unnest(p_hashes, p_embeddings) as kept (text_hash, embedding)
    on conflict do nothing;
    return true;
end
$$;
