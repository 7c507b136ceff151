-- The files of repositories that pass a search's filters: their path matches p_path_regex and not p_without_regex, and
-- their language is p_language. A filter that is null passes all.
create or replace function pgdex.matching_files(
    p_repositories bigint[], p_path_regex text, p_without_regex text, p_language text
) returns table (id bigint, chunks integer)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select f.id, f.chunks
    from pgdex.files f
    where f.repository_id = any (p_repositories) and f.skip_reason is null
        and (p_path_regex is null or f.path ~ p_path_regex)
        and (p_without_regex is null or f.path !~ p_without_regex)
        and (p_language is null or f.language = p_language)
$$;
