-- Whether a text names a repository: by its path, by a folder above it, or by a part of its name in any letter case;
-- with whole, only by its path or its name as they are. Every --repo and repo_path means what is said here.
--
--   select root from pgdex.repositories_status where pgdex.names_repository('flask', root, name);
--
-- One expression, so that PostgreSQL puts it into the statement that calls it. Built-in functions only, which are looked
-- up when it is made: no search path of a caller's changes what it does.
create or replace function pgdex.names_repository(repo text, root text, name text, whole boolean default false)
returns boolean
language sql immutable parallel safe
return case
    when whole then repo in (root, name)
    else root = repo or starts_with(root, rtrim(repo, '/') || '/') or strpos(lower(name), lower(repo)) > 0
end;
