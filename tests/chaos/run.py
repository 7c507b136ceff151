"""Playing a schedule on a cluster, while its views are indexed again and again."""

import heapq
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from uuid import UUID

from tests.chaos.cluster import Cluster
from tests.chaos.collecting import Collector
from tests.chaos.figures import Figures
from tests.chaos.fleet import Place
from tests.chaos.mirrors import damage, fetching, remove
from tests.chaos.schedule import PEER_TAKES_OVER_SECONDS, Disturbance, Kind, Schedule
from tests.chaos.views import View, new_views
from tests.support.embedding_server import EmbeddingServer, text_key
from tests.support.waiting import wait_for

STEP_SECONDS = 0.05
LOOK_SECONDS = 0.2
END_SECONDS = 240.0
PROBE_KEY = text_key("def add(a, b): return a + b")  # each process embeds this when it first opens the model
LIVE = """
    select job_id, status, progress_message from pgdex.job_status where status in ('pending', 'running', 'blocked')
"""
Say = Callable[[str], None]


@dataclass(slots=True)
class Run:
    """One run: the cluster, what is left to do at a later moment, and what was measured."""

    cluster: Cluster
    schedule: Schedule
    views: list[View]
    collector: Collector
    figures: Figures = field(default_factory=Figures)
    jumps: dict[UUID, float] = field(default_factory=dict)
    """By how many seconds in all the clock has jumped for a job."""
    strangers_harmed: int = 0
    """Processes of others that did not survive a start of the database."""
    _later: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: "count[int]" = field(default_factory=count)
    _fault: Disturbance | None = None
    _looked_at: float = 0.0

    def play(self, say: Say) -> None:
        """Begin the jobs, let everything go wrong that is to, and wait until the last jobs have ended."""
        self.cluster.fleet.wait_until_at_work()
        for view in self.views:
            view.next_generation(self.cluster)
        due = time.monotonic()
        told = 0
        for disturbance in self.schedule.disturbances:
            due = max(due + disturbance.after, time.monotonic())
            while time.monotonic() < due:
                self._step()
                time.sleep(STEP_SECONDS)
            self._do(disturbance)
            if self.figures.kills // 10 > told:
                told = self.figures.kills // 10
                say(self.progress())
        while self._later:
            self._step(next_generations=False)
            time.sleep(STEP_SECONDS)
        self.collector.stop()
        self._await_the_end()
        say(self.progress())

    def repeated(self) -> int:
        """How many texts were embedded although they had been before."""
        return repeated_texts(self.cluster.service)

    def progress(self) -> str:
        """One line for someone who watches."""
        counts = self.cluster.service.counts()
        jobs = sum(len(view.jobs) for view in self.views)
        return (
            f"{time.monotonic() - self.figures.started:5.0f} s: "
            f"{self.figures.kills} kills of at least {self.schedule.kills}, "
            f"{self.figures.done.total()} disturbances, {jobs} jobs, {counts.texts} texts, {self.repeated()} repeated, "
            f"{len(self.cluster.fleet.departures)} workers ended by themselves"
        )

    def _step(self, *, next_generations: bool = True) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()
        self.cluster.fleet.tend()
        if next_generations and time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            for view in self.views:
                if not (view.waits_for_asker or view.is_away) and view.has_ended(self.cluster):
                    view.next_generation(self.cluster)

    def _await_the_end(self) -> None:
        self.cluster.mend_service()

        def all_have_ended() -> bool:
            self.cluster.fleet.tend()
            ended = [view for view in self.views if view.has_ended(self.cluster)]
            again = [view for view in ended if view.enqueue_again_if_failed(self.cluster)]
            return len(ended) == len(self.views) and not again

        try:
            wait_for(all_have_ended, what="the last jobs' end", seconds=END_SECONDS)
        except AssertionError as error:
            rows = self.cluster.client.connection.execute(LIVE).fetchall()
            raise AssertionError(f"{error}: {rows}") from None

    def _in(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._number), action))

    def _do(self, disturbance: Disturbance) -> None:
        hit = {
            Kind.KILL: self._kill,
            Kind.KILL_ALL: self._kill_all,
            Kind.STOP: self._stop,
            Kind.TERMINATE: self._terminate,
            Kind.RESTART: self._restart,
            Kind.FAULT: self._disturb_service,
            Kind.CANCEL: self._cancel,
            Kind.ENQUEUE: self._enqueue,
            Kind.UNMOUNT: self._unmount,
            Kind.CLOCK: self._jump,
            Kind.COLLECT: self._collect,
            Kind.REMOVE: self._remove,
            Kind.MIRROR: self._spoil_mirror,
            Kind.STALE_PID: self._crash,
        }
        before, began = self.repeated(), time.time()
        workers_hit = hit[disturbance.kind](disturbance)
        if workers_hit is None:
            self.figures.idle[disturbance.kind] += 1
        else:
            self.figures.note(
                disturbance.kind, slots=workers_hit * self.cluster.fleet.slots, repeated=before, began=began
            )

    def _kill(self, disturbance: Disturbance) -> int:
        number = self._somebody(disturbance.target)
        self._lose(Kind.KILL, number)
        self.cluster.fleet.kill(number)
        self._in(disturbance.seconds, partial(self.cluster.fleet.start, number))
        return 1

    def _kill_all(self, disturbance: Disturbance) -> int:
        self._somebody(0)
        numbers = [number for number, place in enumerate(self.cluster.fleet.places) if place.process is not None]
        for number in numbers:
            self._lose(Kind.KILL_ALL, number)
        self.cluster.fleet.kill_all()
        for number in numbers:
            self._in(disturbance.seconds, partial(self.cluster.fleet.start, number))
        return len(numbers)

    def _lose(self, kind: Kind, number: int) -> None:
        process = self.cluster.fleet.places[number].process
        assert process is not None, f"nobody is in place {number}"
        running = {place.process.pid for place in self.cluster.fleet.places if place.process and not place.paused}
        self.figures.note_loss(kind, self.cluster.client.connection, process.pid, running=running)
        self.figures.kills += kind is not Kind.STOP

    def _stop(self, disturbance: Disturbance) -> int | None:
        number = self._place(disturbance.target, lambda place: place.runs)
        if number is None:
            return None
        if disturbance.seconds >= PEER_TAKES_OVER_SECONDS[0]:
            self._lose(Kind.STOP, number)
        process = self.cluster.fleet.pause(number)
        self._in(disturbance.seconds, partial(self.cluster.fleet.wake, process))
        return 1

    def _terminate(self, disturbance: Disturbance) -> int | None:
        ended = self.cluster.terminate_sessions(disturbance.what, count=disturbance.count, draw=disturbance.draw)
        self.figures.sessions += len(ended)
        return min(len(ended), len(self.cluster.fleet.places)) or None

    def _restart(self, disturbance: Disturbance) -> int:
        self.figures.outage_seconds.append(self.cluster.restart_database(seconds=disturbance.seconds))
        self.figures.restarts.append(time.time())
        return len(self.cluster.fleet.places)

    def _disturb_service(self, disturbance: Disturbance) -> int:
        self._fault = disturbance
        self.cluster.disturb_service(disturbance.what)

        def end() -> None:
            if self._fault is disturbance:  # and not a later one, which has taken its place
                self.cluster.mend_service()

        self._in(disturbance.seconds, end)
        return len(self.cluster.fleet.places)

    def _cancel(self, disturbance: Disturbance) -> int | None:
        view = self.views[disturbance.target]
        if view.waits_for_asker or not view.cancel(self.cluster):
            return None
        self._in(disturbance.seconds, partial(view.enqueue, self.cluster))
        return len(self.cluster.fleet.places)

    def _enqueue(self, disturbance: Disturbance) -> int | None:
        asked = self.views[disturbance.target].enqueue_at_once(self.cluster, disturbance.count)
        return 0 if asked else None

    def _unmount(self, disturbance: Disturbance) -> int | None:
        view = self.views[disturbance.target]
        if not view.unmount(self.cluster):
            return None
        self._in(disturbance.seconds, lambda: view.mount(self.cluster))
        return len(self.cluster.fleet.places)

    def _jump(self, disturbance: Disturbance) -> int:
        for job_id in self.cluster.jump(disturbance.seconds):
            self.jumps[job_id] = self.jumps.get(job_id, 0.0) + disturbance.seconds
        return 0  # it costs nobody anything

    def _collect(self, disturbance: Disturbance) -> int:
        self.collector.collect_for(disturbance.seconds)
        return len(self.cluster.fleet.places)  # a batch whose version was collected under it is read again

    def _remove(self, disturbance: Disturbance) -> int | None:
        view = self.views[disturbance.target]
        if not view.remove(self.cluster):
            return None
        self._in(disturbance.seconds, partial(view.enqueue, self.cluster))
        return len(self.cluster.fleet.places)

    def _spoil_mirror(self, disturbance: Disturbance) -> int | None:
        places = self.cluster.fleet.places
        folder, dice = self.cluster.fleet.workers.folder, random.Random(disturbance.draw)
        if disturbance.what != "kill":
            return len(places) if (damage if disturbance.what == "damage" else remove)(folder, dice) else None
        numbers = [number for number, place in enumerate(places) if place.runs]
        found = fetching([process.pid for number in numbers if (process := places[number].process)])
        if found is None:
            return None
        self._lose(Kind.KILL, numbers[found])
        self.cluster.fleet.kill(numbers[found])
        self._in(0.2, partial(self.cluster.fleet.start, numbers[found]))
        return 1

    def _crash(self, _disturbance: Disturbance) -> int:
        seconds, lives_on = self.cluster.crash_database()
        self.strangers_harmed += not lives_on
        self.figures.outage_seconds.append(seconds)
        self.figures.restarts.append(time.time())
        return len(self.cluster.fleet.places)

    def _somebody(self, first: int) -> int:
        """A place in which a worker runs, or stands stopped; waits where all were just killed."""
        while (number := self._place(first, lambda place: place.process is not None)) is None:
            self._step()
            time.sleep(STEP_SECONDS)
        return number

    def _place(self, first: int, usable: Callable[[Place], bool]) -> int | None:
        """The first usable place from `first` on."""
        places = self.cluster.fleet.places
        numbers = [(first + step) % len(places) for step in range(len(places))]
        return next((number for number in numbers if usable(places[number])), None)


def repeated_texts(service: EmbeddingServer) -> int:
    """How often the service embedded a text that it had embedded before; trying the model does not count."""
    return sum(times - 1 for key, times in service.embedded().items() if key != PROBE_KEY)


def new_run(cluster: Cluster, schedule: Schedule, *, modules: int) -> Run:
    """A run that has not begun."""
    folder = cluster.home / "repositories"
    views = new_views(folder, families=schedule.repositories, modules=modules, seed=schedule.seed)
    return Run(cluster, schedule, views, Collector(cluster.settings))
