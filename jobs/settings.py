"""Every setting, once. Each field is read from the environment variable PGDEX_<FIELD> (see `.env.example`)."""

import os
import sys
from functools import cache
from pathlib import Path
from typing import ClassVar

from pgdex.jobs.environment import Environment, Secret, UnusableValue, setting
from pgdex.jobs.errors import InvalidSetting

# Embedders that wait for someone else's processor.
SERVICES = ("ollama", "openai", "voyage", "cohere", "jina", "gemini")
# The variables in which their own programs look for a key, where PGDEX_EMBEDDER_API_KEY is not set.
KEY_VARIABLES = {
    "openai": ("OPENAI_API_KEY",),
    "voyage": ("VOYAGE_API_KEY",),
    "cohere": ("CO_API_KEY", "COHERE_API_KEY"),
    "jina": ("JINA_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
SLOTS_WITH_A_SERVICE = 4
SHORTEST_TOKEN = 32
"""Characters of a bearer token that nobody guesses, if it is random: 128 bits as hexadecimal digits."""
LARGEST_SHARED_CHUNKS = 10_000  # up to there all chunks of a repository are looked at in some 20 ms

PROJECT_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""What a project may be called. pgdex.enqueue_job checks it again, for psql."""


def default_home() -> Path:
    """The user's data folder; as root a folder that the server's own OS user can reach (see jobs/database/embedded).

    For a user without a home folder it is one that can't be made: that is said when it is needed, which with a database
    elsewhere it may never be.
    """
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/pgdex")
    import platformdirs  # only where PGDEX_HOME is not set

    try:
        return platformdirs.user_data_path("pgdex", appauthor=False)
    except RuntimeError:
        return Path("/nonexistent/pgdex")


def _absolute(value: Path) -> Path:
    try:
        value = value.expanduser()
    except RuntimeError:
        raise ValueError("there is no user of that name, or no home folder: write the path out") from None
    if not value.is_absolute():
        raise ValueError("it must be absolute; relative, it would be another database in every folder")
    return value


def _long_enough(value: Secret) -> Secret:
    if len(value.get_secret_value().strip()) < SHORTEST_TOKEN:
        raise ValueError(
            f"it has fewer than {SHORTEST_TOKEN} characters, so it could be guessed: make one with `openssl rand "
            "-hex 32`, or leave it unset and use the one that `pgdex mcp token` prints"
        )
    return value


def _absolute_roots(value: str) -> str:
    for root in _split(value):
        if not root.is_absolute():
            raise ValueError("every folder must be absolute")
    return value


class Settings(Environment):
    """The configuration of one process. Raises InvalidSetting (through `settings()`) with the variable's name."""

    prefix: ClassVar[str] = "PGDEX_"

    database_url: Secret | None = setting(
        None, description="PostgreSQL with pgvector 0.8.0 or newer; unset: the embedded server."
    )
    home: Path = setting(
        default_factory=default_home, check=_absolute, description="Folder of the embedded server and of logs."
    )
    server_linger: float = setting(
        300, ge=0, le=31_536_000, description="Seconds that the embedded server keeps running after its last user."
    )
    pager: str | None = setting(
        None, description="Program that shows answers that don't fit on the terminal (PAGER, else less); cat: none."
    )
    project: str = setting("default", pattern=PROJECT_ID, description="Default project of commands.")
    max_concurrent_jobs: int | None = setting(
        None, ge=1, le=999_999, description="Jobs that run at once in the whole cluster (3)."
    )
    processes: int | None = setting(
        None, ge=1, le=1024, description="Worker processes that `pgdex worker` runs (one per core)."
    )
    slots: int | None = setting(
        None,
        ge=1,
        le=256,
        description="Batches that a worker process has in flight at once (1, with an embedding service 4).",
    )
    embedder: str = setting(
        "code",
        description="code, hashing, static:FOLDER, fastembed:MODEL or fastembed:FOLDER, or ollama, openai, voyage, "
        "cohere, jina, gemini, each with :MODEL.",
    )
    allowed_embedders: str | None = setting(
        None,
        description="Embedders besides PGDEX_EMBEDDER that jobs may name, separated by commas; * stands for any text.",
    )
    embedder_url: str | None = setting(None, description="Address of the embedding service.")
    embedder_api_key: Secret | None = setting(None, description="Key of the embedding service.")
    embedder_dimension: int | None = setting(
        None, ge=1, le=16_000, description="Dimension to ask an OpenAI-compatible service for."
    )
    embedder_timeout: float = setting(60, gt=0, description="Seconds that one embedding call may take.")
    embedder_requests_per_minute: int | None = setting(
        None, ge=1, description="Requests a minute that all workers together send to the embedding service (any)."
    )
    embedder_tokens_per_minute: int | None = setting(
        None, ge=1, description="Tokens a minute, estimated, that they send to it (any)."
    )
    allowed_roots: str | None = setting(
        None,
        check=_absolute_roots,
        description=f"Folders, separated by {os.pathsep!r}, that repositories must be in (any).",
    )
    allowed_sources: str | None = setting(
        None,
        description="Hosts, or hosts with the beginning of a path, separated by commas, from which git repositories "
        "may be fetched (any).",
    )
    mirror_bytes: int = setting(
        10 << 30, ge=0, description="Bytes that this machine's mirrors of git repositories may take together."
    )
    max_file_bytes: int = setting(1 << 20, ge=1, description="Larger files are skipped with the reason `oversized`.")
    file_timeout: float = setting(
        60,
        ge=1,
        le=86_400,
        description="Seconds that reading and cutting one file may take before its worker gives up on it.",
    )
    batch_files: int = setting(
        32, ge=1, le=1000, description="Files of one batch; those of jobs of 16,000 files and more are larger."
    )
    exact_search_chunks: int = setting(
        50_000,
        ge=0,
        description="Larger repositories get a vector index (HNSW) after their job; smaller ones are searched exactly.",
    )
    vector_index_memory_mb: int = setting(
        512, ge=16, le=1 << 20, description="Megabytes of the server's memory that building a vector index may take."
    )
    retention_days: float = setting(
        7, gt=0, le=36_500, description="Days after which ended jobs, their batches and events are removed."
    )
    version_retention_days: float = setting(
        30,
        ge=0,
        le=36_500,
        description="Days for which contents of files that no view holds are kept, so that going back to a branch "
        "costs nothing.",
    )
    fresh_seconds: float = setting(
        1.5,
        ge=0,
        le=60,
        description="Seconds that a search waits at most until changed files are indexed; 0: it never looks.",
    )
    fresh_files: int = setting(
        200, ge=1, le=10_000, description="Changed files that a search waits for; more are indexed in the background."
    )
    blocked_timeout: float = setting(24 * 3600, gt=0, description="Seconds after which a blocked job fails.")
    watch: bool = setting(
        True,
        description="Whether `pgdex mcp` has the system report changes: its searches look only at what was reported "
        "since the last one, and on stdio it keeps the indexed repository that it is started in current.",
    )
    watch_poll_seconds: float = setting(
        5,
        ge=0.2,
        le=86_400,
        description="Seconds between two checks of a watched folder whose changes the system does not report; up to 60 "
        "if a check takes more than a hundredth of that.",
    )
    mcp_token: Secret | None = setting(
        None,
        check=_long_enough,
        description="What clients of `pgdex mcp --http` must send as bearer token, at least 32 characters (default: "
        "one generated at the first start, which `pgdex mcp token` prints).",
    )
    mcp_hosts: str | None = setting(
        None, description="Names, separated by commas, under which clients may reach `pgdex mcp --http`."
    )

    @property
    def largest_shared_chunks(self) -> int:
        """Up to how many chunks a repository shares its table with others: what gets a vector index has its own."""
        return min(LARGEST_SHARED_CHUNKS, self.exact_search_chunks)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders of `allowed_roots`; none where every folder is allowed."""
        return _split(self.allowed_roots)

    @property
    def allowed_source_names(self) -> tuple[str, ...]:
        """The entries of `allowed_sources`; none where every host is allowed."""
        return tuple(name.strip() for name in (self.allowed_sources or "").split(",") if name.strip())

    @property
    def mcp_host_names(self) -> tuple[str, ...]:
        """The names of `mcp_hosts`."""
        return tuple(name.strip() for name in (self.mcp_hosts or "").split(",") if name.strip())

    def api_key_for(self, spec: str) -> Secret | None:
        """The key of the embedding service in `spec`; where PGDEX_EMBEDDER_API_KEY is not set, that of the provider's
        own variable, which no other service gets to see."""
        variable = self.variable_of_key(spec)
        return self.embedder_api_key if variable is None else Secret(os.environ[variable])

    def variable_of_key(self, spec: str) -> str | None:
        """The provider's own variable that the key in `api_key_for` comes from; None where it is not from there."""
        if self.embedder_api_key is not None:
            return None
        variables = KEY_VARIABLES.get(spec.partition(":")[0].strip(), ())
        return next((variable for variable in variables if os.environ.get(variable)), None)

    @property
    def worker_processes(self) -> int:
        """How many worker processes to run on this machine."""
        return self.processes or os.cpu_count() or 1

    @property
    def worker_slots(self) -> int:
        """How many batches each of them has in flight: while one waits for a service, another can be cut or
        written."""
        return self.slots or (SLOTS_WITH_A_SERVICE if self.embedder.partition(":")[0].strip() in SERVICES else 1)


def _split(roots: str | None) -> tuple[Path, ...]:
    return tuple(Path(root).expanduser() for root in (roots or "").split(os.pathsep) if root)


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    try:
        return Settings.read(os.environ)
    except UnusableValue as error:
        # Never the value itself: it may be a key or a URL with a password.
        raise InvalidSetting(f"PGDEX_{error.name.upper()} is not usable: {error.reason}") from None
