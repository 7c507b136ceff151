-- Says what kind of folder this is, in words for an error message, if it is one that is hardly meant to be indexed as
-- one repository: the whole disk, a system folder, all homes or one home. Null for any other. The path must be
-- normalised. Sooner or later an agent will try such a folder.
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
