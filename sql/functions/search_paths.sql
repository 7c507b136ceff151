-- The first chunk of each file of repositories whose path contains the text, in any letter case: paths that end with it
-- first, then the shortest. p_files: only these files (see matching_files); null leaves all.
create or replace function pgdex.search_paths(
    p_repositories bigint[], p_text text, p_files bigint[], p_limit integer
) returns table (repository_id bigint, file_id bigint, ordinal integer, ends_with boolean)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select f.repository_id, f.id, 0, right(lower(f.path), length(p_text)) = lower(p_text)
    from files f
    where f.repository_id = any (p_repositories) and f.skip_reason is null and f.chunks > 0
        and strpos(lower(f.path), lower(p_text)) > 0
        and (p_files is null or f.id = any (p_files))
    order by 4 desc, length(f.path), f.path
    limit p_limit
$$;
