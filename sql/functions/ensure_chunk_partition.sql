-- Makes sure that there is a table for a repository's chunks, and returns its name.
--
-- Small repositories share tables, all of a project the same one, so that a search of a project reads few tables. One
-- with more than p_limit chunks (p_chunks: how many it has or will have) gets a table of its own, with its own
-- statistics and vector index. Its chunks move there from the shared one in this transaction, so that every search sees
-- them in one table or in the other. Writers lock the repository's row (lock_chunk_table); if one doesn't release it
-- within the lock timeout, the repository stays where it is, and the next call tries again.
--
-- Creating the table locks nothing that searches or writers wait for. Runs with its owner's rights, because a worker
-- owns no table; whoever may use chunks may use the new table in the same way. Errors: PX005 (there is no such
-- repository).
create or replace function pgdex.ensure_chunk_partition(
    p_repository_id bigint, p_chunks bigint default 0, p_limit bigint default 10000
) returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '3s'
as $$
declare
    v_own text := 'chunks_r' || p_repository_id;
    v_now text;
    v_project text;
begin
    select chunk_table, project_id into v_now, v_project from repositories
    where id = p_repository_id and removed_at is null;
    if not found then
        raise exception 'there is no repository %', p_repository_id using errcode = 'PX005';
    end if;
    if v_now is null and p_chunks <= p_limit then
        update repositories
        set chunk_table = 'chunks_s' || lpad(((hashtext(v_project) & 2147483647) % 32)::text, 2, '0')
        where id = p_repository_id and chunk_table is null;
        select chunk_table into v_now from repositories where id = p_repository_id;
    end if;
    if v_now = v_own or p_chunks <= p_limit then
        return v_now;
    end if;
    begin
        select chunk_table into v_now from repositories
        where id = p_repository_id and removed_at is null for update;
        if not found then
            raise exception 'there is no repository %', p_repository_id using errcode = 'PX005';
        end if;
        if v_now = v_own then
            return v_now;
        end if;
        execute format(
            'create table pgdex.%I (like pgdex.chunks_s00 including all excluding indexes,'
            ' primary key (repository_id, version_id, ordinal), constraint %I check (repository_id = %s))',
            v_own, v_own || '_repository', p_repository_id
        );
        if v_now is not null then
            execute format('insert into pgdex.%I select * from pgdex.%I where repository_id = $1', v_own, v_now)
                using p_repository_id;
            execute format('create index %I on pgdex.%I using gin (lexemes)', v_own || '_lexemes', v_own);
            execute format('analyze pgdex.%I', v_own);
            execute format('delete from pgdex.%I where repository_id = $1', v_now) using p_repository_id;
        end if;
        execute format('alter table pgdex.%I inherit pgdex.chunks', v_own);
        perform pgdex.share_chunk_grants(to_regclass(format('pgdex.%I', v_own)));
        update repositories set chunk_table = v_own where id = p_repository_id;
    exception when lock_not_available then
        return pgdex.ensure_chunk_partition(p_repository_id);
    end;
    return v_own;
end
$$;
