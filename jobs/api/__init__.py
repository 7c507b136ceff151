"""The front end for Python programs: `pgdex.connect()` and its twin for asyncio, `pgdex.connect_async()`.

`synchronous` holds what can be asked, `asynchronous` the same for an event loop, and `connections`, `following` and
`looking` what both need. It stands beside `cli`: it may use every package below, and nothing of pgdex may import it but
`pgdex/__init__.py`, which does so when a program first asks for one of its names. It prints nothing, reads no terminal
and takes no signal: the process belongs to the program that calls it.
"""
