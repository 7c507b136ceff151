-- What people are told about the number of jobs ahead of theirs, as jobs_before counts it.
create or replace function pgdex.jobs_before_text(p_jobs integer) returns text
language sql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select case
        when p_jobs >= 1000 then '1,000 jobs or more are before it'
        when p_jobs = 1 then '1 job is before it'
        else p_jobs || ' jobs are before it'
    end
$$;
