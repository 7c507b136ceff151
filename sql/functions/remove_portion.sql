-- Deletes a bounded portion of what removed repositories and views (remove_view) have left behind: of one repository,
-- or of whichever is next. Returns true as long as there is more that can be deleted now, so call it again until it
-- returns false.
--
-- A portion takes a few milliseconds, and no other transaction waits for it for longer than the lock timeout:
-- repositories that another caller is removing are skipped, and a repository's own table that another transaction has
-- read (a dump does) is left for a later call. Runs with its owner's rights.
create or replace function pgdex.remove_portion(p_repository_id bigint default null, p_rows integer default 2000)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_repository repositories;
    v_view views;
    v_versions bigint[];
    v_removed integer;
begin
    for v_view in
        select v.* from views v
        where v.removed_at is not null and (p_repository_id is null or v.repository_id = p_repository_id)
        order by v.id for update skip locked
    loop
        begin
            -- Asked for before the removal was committed.
            perform pgdex.cancel_job(j.id) from indexing_jobs j
            where j.view_id = v_view.id and pgdex.is_live(j.status);
            select * into v_repository from repositories where id = v_view.repository_id;
            if v_repository.removed_at is not null and v_repository.chunk_table = 'chunks_r' || v_repository.id then
                perform pgdex.drop_signatures(v_repository.id);
                execute format('drop table if exists pgdex.%I', v_repository.chunk_table);
                update repositories set chunk_table = null where id = v_repository.id;
                return true;
            end if;
            with removed as (
                delete from view_files e
                where (e.view_id, e.path) in (
                    select v_view.id, counted.path
                    from (
                        select f.path, sum(coalesce(v.chunks, 0)) over (order by f.path) - coalesce(v.chunks, 0) as before
                        from (
                            select f.path, f.version_id from view_files f where f.view_id = v_view.id
                            order by f.path limit greatest(1, p_rows / 10)
                        ) as f
                        left join versions v on v.id = f.version_id
                    ) as counted
                    where counted.before < p_rows  -- a file has one chunk, or a thousand
                )
                returning e.version_id
            )
            select array_agg(version_id) filter (where version_id is not null), count(*) into v_versions, v_removed
            from removed;
            if v_removed > 0 then
                -- What only this view held is given back at once: nobody comes back to a view that was removed.
                perform pgdex.delete_versions(v_repository.id, v_versions);
                return true;
            end if;
            delete from indexing_jobs where id = any (array(
                select id from indexing_jobs where view_id = v_view.id limit greatest(1, p_rows / 100)
            ));
            get diagnostics v_removed = row_count;
            if v_removed > 0 then
                return true;
            end if;
            delete from views where id = v_view.id;
            update repositories r
            set chunks = (select coalesce(sum(w.chunks), 0) from versions w where w.repository_id = r.id)
            where r.id = v_repository.id and r.removed_at is null;
            return true;
        exception when lock_not_available then
            null;  -- the next view
        end;
    end loop;
    -- What no view held, and the repositories themselves.
    for v_repository in
        select * from repositories r
        where r.removed_at is not null and (p_repository_id is null or r.id = p_repository_id)
            and not exists (select from views v where v.repository_id = r.id)
        order by r.id for update skip locked
    loop
        begin
            v_removed := pgdex.delete_versions(v_repository.id, array(
                select v.id from versions v where v.repository_id = v_repository.id limit greatest(1, p_rows / 10)
            ));
            if v_removed > 0 then
                return true;
            end if;
            -- Those that another transaction has locked (a sweep) are left for a later call: deleted with the
            -- repository, they would leave their chunks behind.
            continue when exists (select from versions v where v.repository_id = v_repository.id);
            delete from repositories where id = v_repository.id;
            return true;
        exception when lock_not_available then
            null;  -- the next repository
        end;
    end loop;
    return false;
end
$$;
