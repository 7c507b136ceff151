-- Keeps the signatures of a repository's chunks right, whoever adds or deletes chunks: see build_signatures, which makes
-- the triggers. Their arguments: the table of signatures, the model, its dimension. Runs with its owner's rights.
create or replace function pgdex.keep_signatures() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        execute format(
            'insert into pgdex.%I select c.version_id, c.ordinal, c.kind, %s from changed c where c.model_id = %s',
            tg_argv[0],
            pgdex.signature_expression(
                format('c.embedding::@extschema:vector@.halfvec(%s)', tg_argv[2]), tg_argv[2]::integer
            ),
            tg_argv[1]
        );
    else
        execute format(
            'delete from pgdex.%I s using changed c where s.version_id = c.version_id and s.ordinal = c.ordinal',
            tg_argv[0]
        );
    end if;
    return null;
end
$$;
