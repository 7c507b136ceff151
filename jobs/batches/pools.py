"""The connections of a process's tasks: one pool for each number that the worker has had, so that peers can end
the sessions of a number that they evicted."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg_pool import ConnectionPool

from pgdex.jobs.database import connection as database
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.sessions import WORKER
from pgdex.jobs.settings import settings

MOST_CONNECTIONS = 64
# To wait for a connection. There is one for every slot, so waiting means that the database is away; and a worker that
# is told to stop just then asks three times (for its batch, its wake-up and itself) and has some seconds for all.
POOL_SECONDS = 1.5
# A pool tries to connect again after 1, 2, 4 ... seconds and cannot be hurried: after an outage of a minute it would
# wait for another one. When it has given up, the next request makes it try at once.
RECONNECT_SECONDS = 1.0

Pool = ConnectionPool[Connection]


class Pools:
    """Pools by worker number. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[int, Pool] = {}
        self._users: Counter[int] = Counter()
        self._retired: set[int] = set()

    @contextmanager
    def of(self, worker_id: int) -> Iterator[Pool]:
        """The pool of a number, opened when it is first used."""
        with self._lock:
            pool = self._pools.get(worker_id)
            if pool is None:
                pool = self._pools[worker_id] = _open(worker_id)
            self._users[worker_id] += 1
        try:
            yield pool
        finally:
            with self._lock:
                self._users[worker_id] -= 1
            self._close_unused()

    def retire(self, worker_id: int) -> None:
        """The worker has another number now: close the pool of the old one when its last task has ended."""
        self._retired.add(worker_id)
        self._close_unused()

    def retire_all(self) -> None:
        """The worker has ended, or restarts under a number that it does not have yet."""
        self._retired.update(self._pools)
        self._close_unused()

    def _close_unused(self) -> None:
        with self._lock:
            unused = [number for number in self._retired & set(self._pools) if not self._users[number]]
            pools = [self._pools.pop(number) for number in unused]
        for pool in pools:
            pool.close()


POOLS = Pools()


def _open(worker_id: int) -> Pool:
    opened = database.pool(
        settings,
        application=f"pgdex worker {worker_id}",
        limits=WORKER,
        min_size=1,
        max_size=MOST_CONNECTIONS,
        timeout=POOL_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        # After a restart of the database every pooled connection is dead: a batch must not fail on each of them.
        check=ConnectionPool.check_connection,
        name=f"worker-{worker_id}",
    )
    opened.open()
    return opened
