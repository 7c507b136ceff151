"""What the tools answer about repositories: the fields are the keys of the structured content."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from pgdex.jobs.client.models import IndexedRepository, RepositoryPage, Status, ViewSummary
from pgdex.jobs.client.projects import Project
from pgdex.jobs.mcp.answers import Answer


class ListedView(Answer):
    """A folder or working tree that is indexed."""

    repo_path: str = Field(description="Its folder: the repo_path of other tools.")
    name: str
    kind: str = Field(description="folder, or worktree: a working tree of a git repository.")
    branch: str | None
    is_default: bool = Field(description="Whether a search of the whole project includes this view.")
    files: int = Field(description="Searchable files.")
    last_indexed_at: datetime | None
    last_job_id: UUID | None
    last_job_status: Status | None
    live_job_id: UUID | None = Field(description="The job that indexes it now.")
    missing: bool = Field(description="Its folder is gone, as far as this machine can tell.")

    @classmethod
    def of(cls, view: ViewSummary) -> "ListedView":
        """The answer about a view."""
        fields = {name: getattr(view, name) for name in cls.model_fields if name != "repo_path"}
        return cls(repo_path=view.root, **fields)


class ListedRepository(Answer):
    """A repository and its views; files that several views hold are stored once."""

    name: str
    chunks: int
    source_bytes: int = Field(description="Of the files that its views hold, each counted once.")
    shared_source_bytes: int = Field(description="Of those that more than one view holds.")
    unused_source_bytes: int = Field(description="Of those that no view holds any more, kept for a while.")
    bytes_on_disk: int = Field(description="What its chunks take up in the database; roughly.")
    last_indexed_at: datetime | None
    views_total: int
    views: list[ListedView] = Field(description="The default one first; at most 20 unless repo_path is given.")

    @classmethod
    def of(cls, repository: IndexedRepository) -> "ListedRepository":
        """The answer about a repository."""
        fields = {name: getattr(repository, name) for name in cls.model_fields if name != "views"}
        return cls(**fields, views=[ListedView.of(view) for view in repository.views])


class RepositoryList(Answer):
    """A page of repositories, by name."""

    repositories: list[ListedRepository]
    total_count: int = Field(description="How many repositories match, on all pages.")
    has_more: bool = Field(description="Whether there is a next page: call again with offset=next_offset.")
    next_offset: int | None
    project_id: str
    project_source: str
    notes: list[str] = Field(description="What to tell the user: a .pgdex.toml that was ignored; usually empty.")

    @classmethod
    def of(cls, page: RepositoryPage, *, offset: int, project: Project) -> "RepositoryList":
        """A page that begins at `offset`."""
        return cls(
            repositories=[ListedRepository.of(one) for one in page.repositories],
            total_count=page.total_count,
            has_more=page.has_more,
            next_offset=offset + len(page.repositories) if page.has_more else None,
            project_id=project.id,
            project_source=project.origin,
            notes=[*project.notes],
        )


class Removal(Answer):
    """What became of a request to remove something from the index."""

    repo_paths: list[str] = Field(description="The folders in question.")
    project_id: str
    removed: bool = Field(description="Whether they are out of the index now.")
    confirmation_required: bool = Field(description="True if nothing was done yet; confirmed=true would do it.")
    is_complete: bool = Field(description="False if a worker is still deleting rows; no search sees them.")
    bytes_freed: int = Field(description="Roughly how much space in the database is freed.")
    message: str
    kept: str = Field(description="What remains.")
    lost: str = Field(description="What is lost.")


class RetriedIndexing(Answer):
    """The new job, or the live one that the repository already had."""

    job_id: UUID = Field(description="The job's id, for get_indexing_status, watch_indexing and cancelling.")
    retried_job_id: UUID = Field(description="The job that failed or was cancelled; it stays as it is.")
    status: Status
    already_running: bool = Field(description="True if this job was already live.")
    message: str = Field(description="What happens now.")
    repo_path: str
    project_id: str
