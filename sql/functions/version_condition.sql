-- The SQL condition that the version in p_column is among those of p_parameter (a parameter of type bigint[] with
-- p_count elements), or with p_is_outside that it is not. Empty where p_count is null; outside of nothing are all.
--
-- Up to p_plain_up_to versions it is a plain comparison, so that an index may find them; 0 where another index is sure to
-- find fewer chunks. For each element of it, the planner looks at the column's statistics: 35 ms for 55,000, in each
-- statement, often longer than the statement runs. Inside CASE it takes half of the rows to pass without looking, and
-- the array is still hashed.
create or replace function pgdex.version_condition(
    p_column text, p_parameter text, p_count integer, p_is_outside boolean default false,
    p_plain_up_to integer default 5000
) returns text
language sql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select case
        when p_count is null or p_is_outside and p_count = 0 then ''
        when p_count <= p_plain_up_to then
            format(case when p_is_outside then 'and %s <> all (%s)' else 'and %s = any (%s)' end, p_column, p_parameter)
        else format(
            case
                when p_is_outside then 'and case when %s = any (%s) then false else true end'
                else 'and case when %s = any (%s) then true else false end'
            end,
            p_column, p_parameter
        )
    end
$$;
