-- The first chunk of each file of views whose path contains the text, in any letter case: paths that end with it first,
-- then the shortest. p_versions: only these versions (see matching_versions); null leaves all.
create or replace function pgdex.search_paths(
    p_views bigint[], p_text text, p_versions bigint[], p_limit integer
) returns table (repository_id bigint, version_id bigint, ordinal integer, ends_with boolean)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select v.repository_id, v.id, 0, right(lower(e.path), length(p_text)) = lower(p_text)
    from view_files e
    join versions v on v.id = e.version_id and v.chunks > 0
    where e.view_id = any (p_views) and e.skip_reason is null
        and strpos(lower(e.path), lower(p_text)) > 0
        -- In CASE for the planner's sake: see version_condition.
        and (p_versions is null or case when e.version_id = any (p_versions) then true else false end)
    order by 4 desc, length(e.path), e.path
    limit p_limit
$$;
