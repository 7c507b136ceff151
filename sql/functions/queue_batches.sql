-- Puts batches of a job into the queue: one procrastinate job (the wake-up) for each, remembered in wake_up_id.
--
-- A wake-up only makes a worker look; the truth about a batch is its row. A wake-up that is lost or duplicated does no
-- harm: claim_batch accepts only the remembered one, and heal_batches queues a batch again that has none.
-- Priorities: scan and finish first, then batches by their number, so that running jobs take turns and a small job is
-- not stuck behind a large one.
create or replace function pgdex.queue_batches(p_job_id uuid, p_seqs integer[]) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_seqs integer[];
    v_wake_ups bigint[];
begin
    select
        array_agg(seq order by seq),
        procrastinate_defer_jobs_v1(array_agg(
            row(
                'pgdex',
                case kind when 'scan' then 'scan' when 'finish' then 'finish' else 'index_batch' end,
                case kind when 'index' then -seq else 1000000 end,
                null, null,
                jsonb_build_object('job_id', job_id, 'seq', seq),
                null
            )::procrastinate_job_to_defer_v1
            order by seq
        ))
    into v_seqs, v_wake_ups
    from job_batches
    where job_id = p_job_id and seq = any (p_seqs) and state = 'waiting';

    update job_batches b
    set wake_up_id = t.wake_up_id
    from unnest(v_seqs, v_wake_ups) as t (seq, wake_up_id)
    where b.job_id = p_job_id and b.seq = t.seq
        -- For the index: without it one batch of 30,000 is found by reading all. Not = any (v_seqs), which compared
        -- every batch with every number of a large job: 12 to 14 s for 9,400.
        and b.seq between v_seqs[1] and v_seqs[cardinality(v_seqs)];
end
$$;
