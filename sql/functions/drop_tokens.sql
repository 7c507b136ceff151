-- A worker gives up tokens that are noted as its own although it has nothing of the kind in hand: the database
-- was away when it wanted to say that the work had ended. heal_batches queues their batches again.
create or replace function pgdex.drop_tokens(p_worker_id bigint, p_token_ids bigint[]) returns integer
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    with dropped as (
        delete from procrastinate_jobs
        where worker_id = p_worker_id and status = 'doing' and id = any (p_token_ids)
        returning id
    )
    select count(*)::integer from dropped
$$;
