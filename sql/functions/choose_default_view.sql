-- Chooses the view that a search of a whole project looks into: the main worktree of a repository, or else the view that
-- was there first; one that was never indexed to its end, or whose folder is gone, only where there is no other; so is one
-- that is there as a submodule, at a commit that no view has as a submodule any more.
create or replace function pgdex.choose_default_view(p_repository_id bigint) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_chosen bigint := (
        select v.id from views v
        where v.repository_id = p_repository_id and v.removed_at is null
        order by v.missing_since is not null, v.last_indexed_at is null,
            v.submodule_of is not null and not exists (select from submodules s where s.view_id = v.id),
            not v.is_main, v.id
        limit 1
    );
begin
    if v_chosen is distinct from (select v.id from views v where v.repository_id = p_repository_id and v.is_default) then
        update views v set is_default = false where v.repository_id = p_repository_id and v.is_default;
        update views v set is_default = true where v.id = v_chosen;
    end if;
end
$$;
