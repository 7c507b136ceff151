-- What people call the place of a view: its folder; or the address of its repository with the branch, the tag or the commit
-- after an @, which the default branch of an address does without.
create or replace function pgdex.view_location(root text, ref text) returns text
language sql immutable parallel safe
return case
    when ref = '' or ref = 'HEAD' and not starts_with(root, '/') then root
    else root || '@' || regexp_replace(ref, '^refs/(heads/|(?=tags/))', '')
end;
