-- One spelling for each absolute path, without looking at any disk: no `.` and `..`, no double or trailing slashes;
-- `..` above the root stays at the root. Of a Windows path only trailing slashes are removed. Symbolic links are not
-- resolved here: pgdex's clients do that before they ask.
create or replace function pgdex.normalized_path(path text) returns text
language plpgsql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_part text;
    v_parts text[] := '{}';
begin
    if path is null then
        return null;
    end if;
    if path ~ '^[A-Za-z]:[\\/]' then
        return left(path, 3) || rtrim(substr(path, 4), '/\');
    end if;
    foreach v_part in array string_to_array(path, '/') loop
        if v_part = '..' then
            v_parts := v_parts[:cardinality(v_parts) - 1];
        elsif v_part not in ('', '.') then
            v_parts := v_parts || v_part;
        end if;
    end loop;
    return '/' || array_to_string(v_parts, '/');
end
$$;
