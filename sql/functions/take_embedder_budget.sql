-- Takes one call of an embedding service out of what all workers together may ask of it in a minute, and returns the
-- seconds after which the call may be made. Null as a limit: none. The call counts whether or not it is made.
--
-- Two token buckets, each of a tenth of a minute's worth, so that a pause is followed by no burst. A call takes its share
-- at once, also where that leaves less than nothing: so calls have their turns in the order in which they came, and one
-- that is larger than a bucket has one too. The time is the server's, for all workers alike; where its clock is set
-- back or forward, the buckets are as full as a pause of nothing or of a minute would have them.
create or replace function pgdex.take_embedder_budget(
    p_embedder text,
    p_requests_per_minute double precision,
    p_tokens_per_minute double precision,
    p_requests double precision,
    p_tokens double precision
) returns double precision
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_budget embedder_budgets;
    v_minutes double precision;
begin
    insert into embedder_budgets (embedder, requests, tokens)
    values (p_embedder, coalesce(p_requests_per_minute, 0) / 10, coalesce(p_tokens_per_minute, 0) / 10)
    on conflict do nothing;
    select * into v_budget from embedder_budgets where embedder = p_embedder for update;
    v_minutes := greatest(0, least(1, extract(epoch from clock_timestamp() - v_budget.refilled_at) / 60));
    update embedder_budgets
    set refilled_at = clock_timestamp(),
        -- A limit that was lifted leaves no debt.
        requests = case when p_requests_per_minute is null then 0 else
            least(p_requests_per_minute / 10, requests + v_minutes * p_requests_per_minute) - p_requests end,
        tokens = case when p_tokens_per_minute is null then 0 else
            least(p_tokens_per_minute / 10, tokens + v_minutes * p_tokens_per_minute) - p_tokens end
    where embedder = p_embedder
    returning * into v_budget;
    return greatest(
        0, -60 * v_budget.requests / p_requests_per_minute, -60 * v_budget.tokens / p_tokens_per_minute
    );
end
$$;
