-- What a folder is that nobody means to index as one repository, in words for an error message; null for any other. The
-- path is a normalised one: the whole disk, a folder of the system, all homes or one home. An agent will try them.
create or replace function pgdex.broad_folder(path text) returns text
language sql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select case
        when path = '/' or path ~ '^[A-Za-z]:[\\/]*$' then 'the whole disk'
        when path ~ '^(/var|/usr|/export)?/home$' or path = '/Users' or path ~* '^[A-Z]:[\\/](users|documents and settings)$'
            then 'the folder of everybody''s homes'
        when path ~ '^(/var|/usr|/export)?/home/[^/]+$' or path ~ '^/Users/[^/]+$' or path in ('/root', '/var/root')
            or path ~* '^[A-Z]:[\\/](users|documents and settings)[\\/][^\\/]+$'
            then 'a whole home folder'
        when path ~ ('^/(bin|boot|dev|etc|lib|lib32|lib64|libx32|lost\+found|media|mnt|opt|private|proc|run|sbin|snap'
            '|sys|tmp|usr|var|Applications|Library|Network|System|Volumes|nix|gnu)$')
            or path ~ '^/usr/(bin|lib|lib32|lib64|libexec|local|sbin|share|include)$'
            or path ~ '^/var/(cache|lib|log|run|spool|tmp|db)$' or path ~ '^/private/(etc|tmp|var)$'
            or path ~ '^/(dev|proc|sys)/'
            or path ~* '^[A-Z]:[\\/](windows|program files|program files \(x86\)|programdata)$'
            then 'a folder of the operating system'
    end
$$;
