"""The life of a worker process: starting and supervising it, its heartbeat, its watch over others, what runs beside.

Batches are done in `batches`; here is what keeps the process that does them alive, known to the cluster and
replaceable: procrastinate's connector, wake-ups, reclaiming, probing of services, retention, vector indexes. `app` may
import this package, and so may the front ends, which start workers (`launcher`).
"""
