"""One batch of a job, as a worker does it: claim, scan or index or finish, commit; and what may go wrong meanwhile.

Everything between fetching a token and the commit that makes its batch done: the fence (`claims`), the pools that
batches work on, files that crash or hang their worker (`poison_files`, `watchdog`). `worker`, `app` and `tasks` may
import this package; front ends may not, and it imports nothing of `client`.
"""
