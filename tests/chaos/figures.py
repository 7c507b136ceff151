"""What a run has measured: how soon others took over, and how much was done twice."""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from psycopg.types.json import Jsonb

from pgdex.jobs.database.connection import Connection
from tests.chaos.schedule import Kind

BEFALLS_WORKERS = {Kind.KILL, Kind.KILL_ALL, Kind.STOP, Kind.TERMINATE, Kind.RESTART, Kind.STALE_PID}
SETTLED_SECONDS = 5.0
WORKERS_OF_PROCESS = """
    select w.id, (select count(*) from pgdex.job_batches b where b.worker_id = w.id and b.state = 'running')
    from pgdex.workers w where w.pid = %s
"""
RECLAIMED_AT = """
    select extract(epoch from min(created_at))::double precision from pgdex.job_events
    where event_type = 'reclaimed' and created_at >= to_timestamp(%s)
        and exists (select from jsonb_array_elements(event_data -> 'dead_workers') as d (id) where %s @> d.id)
"""
NEXT_COMMIT = """
    select extract(epoch from min(completed_at))::double precision from pgdex.job_batches
    where state = 'completed' and completed_at >= to_timestamp(%s)
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """A worker process that was killed or stopped for long, by the database's number of it."""

    kind: Kind
    at: float
    worker_ids: tuple[int, ...]
    batches_in_flight: int
    peers: int
    """How many other workers were at work then."""

    @property
    def name(self) -> str:
        """What its recovery is counted under."""
        if self.kind is Kind.STOP:
            return "stop alone to reclaim"
        return "kill alone to reclaim, " + (
            "by a peer" if self.kind is Kind.KILL and self.peers else "by the next to start"
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """A disturbance, and what the embedding service had counted when it began."""

    kind: Kind
    repeated: int
    began: float
    over: float
    """When it had been done: a restart takes some time."""


@dataclass(slots=True)
class Figures:
    """Counted while a run goes on."""

    done: Counter[str] = field(default_factory=Counter)
    """Disturbances by kind, those that found nothing to disturb left out."""
    idle: Counter[str] = field(default_factory=Counter)
    """Those that found nothing."""
    kills: int = 0
    sessions: int = 0
    slots_hit: int = 0
    """The sum, over all disturbances, of the slots that may have lost what they had in progress."""
    losses: list[Loss] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    """When the database was back, in seconds since the epoch."""
    outage_seconds: list[float] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def note(self, kind: Kind, *, slots: int, repeated: int, began: float) -> None:
        """A disturbance was done that hits that many slots; the service had counted `repeated` when it began."""
        self.done[kind] += 1
        self.slots_hit += slots
        if slots:
            self.effects.append(Effect(kind, repeated, began, time.time()))

    def note_loss(self, kind: Kind, connection: Connection, pid: int, *, running: set[int]) -> None:
        """A worker's process is about to be lost; `running` are the processes that are left and not stopped."""
        rows = connection.execute(WORKERS_OF_PROCESS, [pid]).fetchall()
        alive = {row[0] for row in connection.execute("select pid from pgdex.worker_status where alive")}
        ids = tuple(row[0] for row in rows)
        in_progress = sum(row[1] for row in rows)
        self.losses.append(Loss(kind, time.time(), ids, in_progress, len(alive & running - {pid})))

    def repeated_by_kind(self, repeated: int) -> dict[str, int]:
        """Texts that were embedded again, counted to the disturbance that was the latest when it happened."""
        counted: Counter[str] = Counter()
        ends = [effect.repeated for effect in self.effects[1:]] + [repeated]
        for effect, end in zip(self.effects, ends, strict=True):
            counted[effect.kind] += end - effect.repeated
        return dict(counted)

    def _was_alone(self, began: float, ended: float) -> bool:
        """Whether nothing else befell workers or the database from a little before to the end of a recovery."""
        near = [
            effect
            for effect in self.effects
            if effect.kind in BEFALLS_WORKERS and began - SETTLED_SECONDS < effect.over and effect.began < ended
        ]
        return len(near) == 1  # the loss itself

    def recoveries(self, connection: Connection) -> dict[str, list[float]]:
        """Seconds from a loss of work in progress to its being put back, and from a restart to the next commit."""
        seconds: defaultdict[str, list[float]] = defaultdict(list)
        for loss in self.losses:
            row = connection.execute(RECLAIMED_AT, [loss.at, Jsonb(list(loss.worker_ids))]).fetchone()
            if loss.batches_in_flight and row is not None and row[0] is not None:
                name = (
                    loss.name if self._was_alone(loss.at, row[0]) else f"{loss.kind} to reclaim, while more went wrong"
                )
                seconds[name].append(row[0] - loss.at)
        for at in self.restarts:
            row = connection.execute(NEXT_COMMIT, [at]).fetchone()
            if row is not None and row[0] is not None:
                alone = "" if self._was_alone(at, row[0]) else ", while more went wrong"
                seconds[f"restart to commit{alone}"].append(row[0] - at)
        return dict(seconds)


def quantile(values: list[float], share: float) -> float:
    """The smallest of `values` that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
