"""The functions, views, triggers and roles of the database, one object per file; no Python.

All rules about jobs are here, so that they hold for a statement typed into psql too. This is a package only so that the
files are found wherever pgdex is installed: `pgdex.migrations.repeatable` reads them. Nothing may import it
for another reason.
"""
