"""What goes wrong in a run, and when: a function of the seed alone."""

import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.families import count_views


class Kind(StrEnum):
    """What is done to a part of the system."""

    KILL = "kill"  # kill -9 of a worker; another starts in its place
    KILL_ALL = "kill_all"  # kill -9 of all workers at once; others start a little later
    STOP = "stop"  # SIGSTOP of a worker, then SIGCONT
    TERMINATE = "terminate"  # pg_terminate_backend of sessions of workers
    RESTART = "restart"  # PostgreSQL ends immediately, and is started at once or some seconds later
    FAULT = "fault"  # the embedding service misbehaves
    CANCEL = "cancel"  # a job is cancelled, and its view enqueued again
    ENQUEUE = "enqueue"  # several ask for a view at once that is being indexed
    UNMOUNT = "unmount"  # a view's folder goes away, and an empty one stands there for some seconds
    CLOCK = "clock"  # the server's clock jumps, forwards or back, by hours or weeks
    COLLECT = "collect"  # what no view holds is collected again and again, however young it is
    REMOVE = "remove"  # a view is removed from the index, with its job, and enqueued again
    MIRROR = "mirror"  # a worker is killed while it fetches a git source, or what was fetched is damaged, or removed
    STALE_PID = "stale_pid"  # kill -9 of PostgreSQL; its pid file names a stranger's process when it is started again


# How often each kind comes, in a deck that is shuffled and dealt out again and again: also a short run has them all.
DECK = {
    Kind.KILL: 5,
    Kind.KILL_ALL: 1,
    Kind.STOP: 3,
    Kind.TERMINATE: 3,
    Kind.RESTART: 1,
    Kind.FAULT: 3,
    Kind.CANCEL: 2,
    Kind.ENQUEUE: 2,
    Kind.UNMOUNT: 2,
    Kind.CLOCK: 2,
    Kind.COLLECT: 3,
    Kind.REMOVE: 1,
    Kind.MIRROR: 3,
    Kind.STALE_PID: 1,
}
DEADLY = {Kind.KILL, Kind.KILL_ALL}
FAULTS = ("down", "hang", "slow", "rate_limited", "server_error", "overloaded", "cut_off")
MIRROR_FAULTS = ("kill", "damage", "remove")
SESSIONS = ("queue", "worker", "any")
JUMPS = (-40 * 86_400, -4 * 3600, 4 * 3600, 40 * 86_400)  # in seconds
PEER_TAKES_OVER_SECONDS = (5.5, 8.0)  # a heartbeat counts for 5 s
LONG_STOP_SHARE = 0.4
LONG_OUTAGE_SHARE = 0.3
MEAN_GAP_SECONDS = 1.2
LONGEST_GAP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that goes wrong, `after` that many seconds since the one before it began."""

    kind: Kind
    after: float
    seconds: float = 0.0
    """How long it lasts: until the server is started again, a killed worker's successor starts, a stopped one goes
    on, the view of a cancelled job, or a removed one, is enqueued again, the service is well again, a folder is back,
    nobody collects any more. Of a clock: how far it jumps."""
    target: int = 0
    """Which worker or view."""
    what: str = ""
    """Which fault, what becomes of a mirror, or whose sessions."""
    count: int = 1
    """How many sessions, or askers at once."""
    draw: float = 0.0
    """Picks the sessions among those that there are."""

    def __str__(self) -> str:
        about = {
            Kind.KILL: f"worker {self.target}, the next starts {self.seconds:.1f} s later",
            Kind.KILL_ALL: f"new workers start {self.seconds:.1f} s later",
            Kind.STOP: f"worker {self.target} for {self.seconds:.1f} s",
            Kind.TERMINATE: f"{self.count} sessions, {self.what}",
            Kind.RESTART: f"PostgreSQL, away for {self.seconds:.1f} s",
            Kind.FAULT: f"{self.what} for {self.seconds:.1f} s",
            Kind.CANCEL: f"view {self.target}, enqueued again {self.seconds:.1f} s later",
            Kind.ENQUEUE: f"view {self.target}, {self.count} at once",
            Kind.UNMOUNT: f"view {self.target} for {self.seconds:.1f} s",
            Kind.CLOCK: f"{self.seconds / 3600:+.0f} h",
            Kind.COLLECT: f"for {self.seconds:.1f} s",
            Kind.REMOVE: f"view {self.target}, enqueued again {self.seconds:.1f} s later",
            Kind.MIRROR: self.what,
            Kind.STALE_PID: "PostgreSQL, started again at once",
        }
        return f"+{self.after:4.1f} s  {self.kind:<10} {about[self.kind]}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that goes wrong in one run."""

    seed: int
    workers: int
    repositories: int
    disturbances: tuple[Disturbance, ...]

    @property
    def kills(self) -> int:
        """How many worker processes are killed at least: who kills all may find a single one."""
        return sum(disturbance.kind in DEADLY for disturbance in self.disturbances)

    @property
    def seconds(self) -> float:
        """When the last of it begins, at the earliest."""
        return sum(disturbance.after for disturbance in self.disturbances)

    def __str__(self) -> str:
        counts = Counter(disturbance.kind for disturbance in self.disturbances)
        head = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        lines = [f"seed {self.seed}: {len(self.disturbances)} disturbances in {self.seconds:.0f} s ({head})"]
        return "\n".join([*lines, *map(str, self.disturbances)])


def make_schedule(
    seed: int,
    *,
    kills: int,
    workers: int = 3,
    repositories: int = 3,
    kinds: frozenset[Kind] = frozenset(Kind),
    mean_gap: float = MEAN_GAP_SECONDS,
) -> Schedule:
    """Deal out decks until `kills` processes are killed; with `kinds` that kill nobody, one deck for each."""
    if kills < 1 or workers < 1 or repositories < 1:
        raise ValueError(f"kills, workers and repositories must be positive, got {kills}, {workers}, {repositories}")
    if not kinds:
        raise ValueError("kinds must not be empty")
    dice = random.Random(seed)
    deck = [kind for kind in Kind if kind in kinds for _ in range(DECK[kind])]
    deadly = not DEADLY.isdisjoint(deck)
    disturbances: list[Disturbance] = []
    killed = 0
    while killed < kills:
        dice.shuffle(deck)
        for kind in deck:
            disturbances.append(_deal(kind, dice, workers=workers, repositories=repositories, mean_gap=mean_gap))
            killed += kind in DEADLY
        killed += not deadly
    return Schedule(seed, workers, repositories, tuple(disturbances))


def _deal(kind: Kind, dice: random.Random, *, workers: int, repositories: int, mean_gap: float) -> Disturbance:
    after = round(min(dice.expovariate(1 / mean_gap), LONGEST_GAP_SECONDS), 2)
    worker, view = dice.randrange(workers), dice.randrange(count_views(repositories))
    match kind:
        case Kind.KILL:
            return Disturbance(kind, after, _between(dice, 0.1, 1.0), target=worker)
        case Kind.KILL_ALL:
            return Disturbance(kind, after, _between(dice, 0.2, 3.0))
        case Kind.STOP:
            long = dice.random() < LONG_STOP_SHARE
            span = PEER_TAKES_OVER_SECONDS if long else (0.2, 2.5)
            return Disturbance(kind, after, _between(dice, *span), target=worker)
        case Kind.TERMINATE:
            count, draw = dice.randint(1, 4), dice.random()
            return Disturbance(kind, after, what=dice.choice(SESSIONS), count=count, draw=draw)
        case Kind.RESTART:
            long = dice.random() < LONG_OUTAGE_SHARE
            return Disturbance(kind, after, _between(dice, 1.0, 6.0) if long else 0.0)
        case Kind.FAULT:
            return Disturbance(kind, after, _between(dice, 0.3, 4.0), what=dice.choice(FAULTS))
        case Kind.CANCEL:
            return Disturbance(kind, after, _between(dice, 0.0, 1.5), target=view)
        case Kind.ENQUEUE:
            return Disturbance(kind, after, target=view, count=dice.randint(2, 5))
        case Kind.UNMOUNT:
            return Disturbance(kind, after, _between(dice, 0.5, 4.0), target=view)
        case Kind.CLOCK:
            return Disturbance(kind, after, dice.choice(JUMPS))
        case Kind.COLLECT:
            return Disturbance(kind, after, _between(dice, 1.0, 6.0))
        case Kind.REMOVE:
            return Disturbance(kind, after, _between(dice, 0.0, 1.5), target=view)
        case Kind.MIRROR:
            return Disturbance(kind, after, what=dice.choice(MIRROR_FAULTS), draw=dice.random())
        case Kind.STALE_PID:
            return Disturbance(kind, after)


def _between(dice: random.Random, least: float, most: float) -> float:
    return round(dice.uniform(least, most), 2)
