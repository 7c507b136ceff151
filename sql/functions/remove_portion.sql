-- Deletes a bounded portion of what removed repositories (remove_repository) have left behind: of one, or of whichever
-- is next. Returns true as long as there is more that can be deleted now, so the caller repeats it until it returns
-- false.
--
-- A portion takes some milliseconds, and no other transaction waits for it: repositories that another caller is
-- removing are skipped, and a repository's own table that another transaction has read (a dump does) is left for a
-- later call. The embedding cache of a project is deleted with its last repository. Runs with its owner's rights.
create or replace function pgdex.remove_portion(p_repository_id bigint default null, p_rows integer default 2000)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '200ms'
as $$
declare
    v_repository repositories;
    v_job uuid;
    v_removed integer;
begin
    for v_repository in
        select * from repositories
        where removed_at is not null and (p_repository_id is null or id = p_repository_id)
        order by id for update skip locked
    loop
        begin
            -- Asked for before the removal was committed.
            for v_job in
                select id from indexing_jobs
                where repository_id = v_repository.id and pgdex.is_live(status)
            loop
                perform pgdex.cancel_job(v_job);
            end loop;
            if v_repository.chunk_table = 'chunks_r' || v_repository.id then
                execute format('drop table if exists pgdex.%I', v_repository.chunk_table);
                update repositories set chunk_table = null where id = v_repository.id;
                return true;
            end if;
            if v_repository.chunk_table is not null then
                execute format(
                    'delete from pgdex.%1$I where ctid = any (array('
                    'select ctid from pgdex.%1$I where repository_id = $1 limit $2))', v_repository.chunk_table
                ) using v_repository.id, p_rows;
                get diagnostics v_removed = row_count;
                if v_removed > 0 then
                    return true;
                end if;
            end if;
            delete from files where id = any (array(
                select id from files where repository_id = v_repository.id limit p_rows
            ));
            get diagnostics v_removed = row_count;
            if v_removed > 0 then
                return true;
            end if;
            delete from indexing_jobs where id = any (array(
                select id from indexing_jobs where repository_id = v_repository.id limit greatest(1, p_rows / 100)
            ));
            get diagnostics v_removed = row_count;
            if v_removed > 0 then
                return true;
            end if;
            if not exists (
                select from repositories r where r.project_id = v_repository.project_id and r.id <> v_repository.id
            ) then
                delete from embedding_cache where ctid = any (array(
                    select ctid from embedding_cache where project_id = v_repository.project_id limit p_rows
                ));
                get diagnostics v_removed = row_count;
                if v_removed > 0 then
                    return true;
                end if;
            end if;
            delete from repositories where id = v_repository.id;
            return true;
        exception when lock_not_available then
            null;  -- the next repository
        end;
    end loop;
    return false;
end
$$;
