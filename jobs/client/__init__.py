"""What every front end calls: starting, watching and cancelling jobs, searching, projects, estimates, removal.

`Client` is the entry; its answers are the frozen dataclasses of `models`. What two front ends say or check alike
belongs here, and nothing that prints or speaks a protocol. `worker`, `mcp` and `cli` may import this package. `batches`
stands beside it and may not, so a worker's batch never depends on what front ends need.
"""
