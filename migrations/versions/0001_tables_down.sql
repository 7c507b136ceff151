-- Undoes revision 0001_tables. The extension vector stays: other schemas may use it.

-- With the parent go the tables that inherit from it, those of large repositories too.
drop table pgdex.chunks cascade;
do $$
declare
    v_table text;
begin
    for v_table in
        select relname from pg_class where relnamespace = 'pgdex'::regnamespace and relname like 'chunks\_r%\_signatures\_m%'
            and relkind = 'r'
    loop
        execute format('drop table pgdex.%I', v_table);
    end loop;
end
$$;
drop table
    pgdex.job_events, pgdex.kept_embeddings, pgdex.job_batches, pgdex.indexing_jobs, pgdex.view_files,
    pgdex.versions,
    pgdex.submodules, pgdex.schedules, pgdex.views, pgdex.vector_index_builds, pgdex.repositories, pgdex.embedding_models, pgdex.projects, pgdex.workers,
    pgdex.cluster_duties, pgdex.embedder_budgets, pgdex.settings cascade;

-- procrastinate's tables, functions and types
drop table
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
