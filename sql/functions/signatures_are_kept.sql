-- Whether there is a table of signatures of this name, and both triggers of the table of chunks (p_chunks) keep that one
-- right. Both may be null: a repository may have no table of its own, and no model yet. An older release that was
-- installed for a while has dropped the triggers, which it does not know; a restore may have left them disabled.
create or replace function pgdex.signatures_are_kept(p_chunks regclass, p_signatures text) returns boolean
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select to_regclass('pgdex.' || quote_ident(p_signatures)) is not null and 2 = (
        select count(*) from pg_trigger
        where tgrelid = p_chunks and tgname in ('added_chunks_have_signatures', 'deleted_chunks_have_none')
            and tgenabled in ('O', 'A')
            -- The first argument; each ends with a zero byte.
            and substring(tgargs for octet_length(p_signatures) + 1) = convert_to(p_signatures, 'UTF8') || '\x00'
    )
$$;
