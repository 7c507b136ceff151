"""The way to PostgreSQL: which database, its connections and their sessions, roles, schema, and what its errors mean.

Every connection of pgdex is made here, so limits, poolers and libpq's variables are dealt with once. The embedded
server has a package of its own, `embedded`. Nothing here knows what a job is. Every other package of `jobs` may
import this one; it imports `migrations` and the modules at the top of `jobs`.
"""
