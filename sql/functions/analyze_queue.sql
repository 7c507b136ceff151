-- Updates the statistics of the queue after many jobs were put into it: until PostgreSQL does so automatically, a fetch
-- looks at all waiting jobs and takes 2.4 ms instead of 0.2. Runs with its owner's rights: only an owner may analyze.
create or replace function pgdex.analyze_queue() returns void
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    analyze pgdex.procrastinate_jobs;
end
$$;
