-- A name that people gave, without the blanks around it. Errors: PX005 (empty, longer than 200 characters, or with
-- characters that control a terminal).
create or replace function pgdex.checked_name(p_name text) returns text
language plpgsql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_name text := btrim(p_name);
begin
    if coalesce(v_name, '') = '' or length(v_name) > 200 or v_name ~ '[\u0001-\u001f\u007f-\u009f]' then
        raise exception 'a name must have 1 to 200 characters, none of them a control character, got %',
            quote_nullable(left(p_name, 250)) using errcode = 'PX005';
    end if;
    return v_name;
end
$$;
