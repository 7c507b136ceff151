"""The resources, one module each: what is indexed, the files by their lines, the jobs. They read the database through
the same context as the tools, and nothing from the disk. `server` adds them; `uris` says how they are addressed."""
