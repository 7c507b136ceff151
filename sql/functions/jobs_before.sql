-- How many jobs are ahead of one that waits to be admitted: those that are admitted, and those that will be admitted
-- earlier as projects take turns, if no other job is requested meanwhile. Counts up to p_most, because it reads at
-- least one row for each job that it counts.
create or replace function pgdex.jobs_before(job pgdex.indexing_jobs, p_most integer default 1000) returns integer
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_rounds integer;
    v_others bigint;
    v_holding integer;
begin
    select count(*) into v_rounds
    from (
        select from indexing_jobs w
        where w.waits_for_admission and w.project_id = job.project_id
            and (w.status, w.queue_number) < (job.status, job.queue_number)
        order by w.status, w.queue_number  -- for the index
        limit p_most
    ) as own;
    if v_rounds = p_most then
        return p_most;
    end if;
    -- A project whose turn comes before this one's is let in once more than this job has rounds to wait.
    select count(*) into v_others
    from (
        select
        from (select * from pgdex.waiting_projects()) as own
        join pgdex.waiting_projects() as other on other.project_id <> own.project_id
        cross join lateral (
            select from indexing_jobs w
            where w.waits_for_admission and w.project_id = other.project_id
            order by w.status, w.queue_number
            limit v_rounds + ((other.turn, other.first_number) < (own.turn, own.first_number))::integer
        ) as first
        where own.project_id = job.project_id
        limit p_most
    ) as ahead;
    select count(*) into v_holding from indexing_jobs where status in ('pending', 'running') and admitted_at is not null;
    return least(p_most, v_rounds + v_others + v_holding);
end
$$;
