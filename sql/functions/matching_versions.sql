-- The versions that views hold and that pass a search's filters: their path matches p_path_regex and not p_without_regex,
-- and their language is p_language. A filter that is null passes all.
create or replace function pgdex.matching_versions(
    p_views bigint[], p_path_regex text, p_without_regex text, p_language text
) returns table (id bigint, chunks integer)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select v.id, v.chunks
    from pgdex.view_files e
    join pgdex.versions v on v.id = e.version_id
    where e.view_id = any (p_views) and e.skip_reason is null
        and (p_path_regex is null or e.path ~ p_path_regex)
        and (p_without_regex is null or e.path !~ p_without_regex)
        and (p_language is null or v.language = p_language)
$$;
