"""Looking after an installation: its processes, logs, disk space and settings; for the commands alone.

Nothing in here opens the database but what says so: most of it is for the time when the database is the problem.
"""
