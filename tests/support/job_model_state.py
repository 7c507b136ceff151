"""What the model of the job machine keeps: jobs, their batches and wake-ups, the files of the index."""

from dataclasses import dataclass, field
from uuid import UUID

from tests.support.sql_worker import Found

BATCH_FILES = 2
LIVE = frozenset({"pending", "running", "blocked"})

COUNTERS = (
    "files_scanned",
    "files_to_index",
    "files_done",
    "files_indexed",
    "files_skipped",
    "files_unchanged",
    "files_deleted",
    "chunks_created",
)


@dataclass(slots=True, eq=False, repr=False)
class ModelToken:
    """One procrastinate job; `id` and `worker` are known once it was fetched."""

    order: int
    job: "ModelJob"
    seq: int
    id: int | None = None
    worker: int | None = None
    gone: bool = False

    def __repr__(self) -> str:
        return f"wake-up {self.id or 'waiting'} of {self.job!r}/{self.seq}"

    @property
    def todo(self) -> bool:
        return self.id is None and not self.gone

    @property
    def doing(self) -> bool:
        return self.id is not None and not self.gone

    @property
    def priority(self) -> int:
        return -self.seq if self.job.batches[self.seq].kind == "index" else 1_000_000


@dataclass(slots=True)
class ModelBatch:
    kind: str
    files: list[str] = field(default_factory=list)
    state: str = "waiting"
    attempt: int = 0
    wake_up: ModelToken | None = None

    @property
    def open(self) -> bool:
        return self.state in ("waiting", "running")


@dataclass(slots=True, eq=False, repr=False)
class ModelJob:
    id: UUID
    repository: str
    force: bool
    embedder: str | None
    project: str
    number: int
    status: str = "pending"
    admitted: bool = False
    waits_to_resume: bool = False
    started: int | None = None
    scanned: bool = False
    batches: dict[int, ModelBatch] = field(default_factory=lambda: {0: ModelBatch("scan")})
    snapshot: dict[str, Found] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    batches_left: int = 0
    gone: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=lambda: ["created"])

    def __repr__(self) -> str:
        return f"job {self.number} of {self.repository}"

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def has_place(self) -> bool:
        return self.admitted and self.status in ("pending", "running")

    @property
    def waits_for_admission(self) -> bool:
        return (self.status == "pending" and not self.admitted) or self.waits_to_resume


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the index; `hashed` where its content was looked at, and with which model it was indexed."""

    found: Found
    hashed: bool
    model: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelClaim:
    job: ModelJob
    seq: int
    attempt: int
    wake_up: ModelToken

    def __repr__(self) -> str:
        return f"attempt {self.attempt} of {self.job!r}/{self.seq}"

    @property
    def batch(self) -> ModelBatch:
        return self.job.batches[self.seq]

    @property
    def current(self) -> bool:
        return self.batch.state == "running" and self.batch.attempt == self.attempt
