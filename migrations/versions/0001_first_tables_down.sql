-- Undoes revision 0001. The extension vector stays: other schemas may use it.
drop table if exists
    pgdex.workers, pgdex.job_events, pgdex.job_batches, pgdex.indexing_jobs, pgdex.chunks, pgdex.files,
    pgdex.repositories, pgdex.embedding_models, pgdex.projects, pgdex.settings cascade;
drop table if exists
    pgdex.procrastinate_events, pgdex.procrastinate_periodic_defers, pgdex.procrastinate_jobs,
    pgdex.procrastinate_workers cascade;
do $$
declare
    v_object record;
begin
    for v_object in
        select format('drop function %s cascade', p.oid::regprocedure) as statement from pg_proc p
        where p.pronamespace = 'pgdex'::regnamespace and p.proname like 'procrastinate%'
        union all
        select format('drop type %s cascade', t.oid::regtype) from pg_type t
        where t.typnamespace = 'pgdex'::regnamespace and t.typname like 'procrastinate%' and t.typtype in ('c', 'e')
    loop
        execute v_object.statement;
    end loop;
end
$$;
