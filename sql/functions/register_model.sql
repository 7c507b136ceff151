-- The number of an embedding model (its name and dimension), which every chunk with a vector carries: vectors of
-- different models are never compared.
create or replace function pgdex.register_model(p_name text, p_dimension integer) returns smallint
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_id smallint;
begin
    select id into v_id from embedding_models where name = p_name and dimension = p_dimension;
    if not found then
        insert into embedding_models (name, dimension) values (p_name, p_dimension)
        on conflict (name, dimension) do update set name = excluded.name
        returning id into v_id;
    end if;
    return v_id;
end
$$;
