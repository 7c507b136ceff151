-- The versions that views hold and that pass a search's filters: their path matches p_path_regex and p_with_regex and
-- not p_without_regex, and their language is p_language. A filter that is null passes all.
--
-- p_path_words: patterns of LIKE, of which each path that p_path_regex matches has one; null where there are none.
-- p_words: patterns of LIKE, of which each path that p_with_regex or p_without_regex matches has one when it is in small
-- letters. Few paths have, and the others are spared a long expression: 5 microseconds each. (Small as in ASCII: in
-- Turkish, I is none of i.)
create or replace function pgdex.matching_versions(
    p_views bigint[], p_path_regex text, p_without_regex text, p_language text,
    p_with_regex text default null, p_words text[] default '{%}', p_path_words text[] default null
) returns table (id bigint, chunks integer)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select v.id, v.chunks
    from pgdex.view_files e
    join pgdex.versions v on v.id = e.version_id
    where e.view_id = any (p_views) and e.skip_reason is null
        -- CASE, since of conditions joined by `and` the planner would evaluate the one that looks cheaper first.
        and (p_path_regex is null
            or case when p_path_words is null or e.path like any (p_path_words) then e.path ~ p_path_regex else false end)
        and (p_without_regex is null
            or case when lower(e.path collate "C") like any (p_words) then e.path !~ p_without_regex else true end)
        and (p_with_regex is null
            or case when lower(e.path collate "C") like any (p_words) then e.path ~ p_with_regex else false end)
        and (p_language is null or v.language = p_language)
$$;
