"""What the tools answer about repositories: the fields are the keys of the structured content."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from pgdex.jobs.client.models import IndexedRepository, RepositoryPage, Status, ViewSummary
from pgdex.jobs.client.printable import printable
from pgdex.jobs.client.projects import Project
from pgdex.jobs.client.wording import counted, megabytes
from pgdex.jobs.mcp.answers import DAY_AND_MINUTE, Answer, Part, ProjectAnswer, next_page


class ListedView(Part):
    """A folder or working tree that is indexed, or a branch, tag or commit of a git repository."""

    repo_path: str = Field(description="Its folder: the repo_path of other tools.")
    name: str | None = Field(default=None, description="Its name, where that is not the repository's.")
    kind: str = Field(description="folder, or worktree: a working tree of a git repository.")
    branch: str | None = None
    is_default: bool = Field(default=False, description="Whether a search of the whole project includes this view.")
    files: int = Field(description="Searchable files.")
    last_indexed_at: datetime | None = None
    last_job_id: UUID | None = Field(default=None, description="The last job, where it did not complete.")
    last_job_status: Status | None = None
    live_job_id: UUID | None = Field(default=None, description="The job that indexes it now.")
    missing: bool = Field(default=False, description="Its folder is gone, as far as this machine can tell.")

    @classmethod
    def of(cls, view: ViewSummary, *, repository: str) -> "ListedView":
        """The answer about a view of the repository with this name."""
        made = {
            "repo_path": view.root,
            "name": view.name if view.name != repository else None,
            "last_job_id": view.last_job_id if view.last_job_status != "completed" else None,
        }
        return cls(**made, **{name: getattr(view, name) for name in cls.model_fields if name not in made})

    def line(self) -> str:
        """One line about the view."""
        indexed = f"indexed {self.last_indexed_at:{DAY_AND_MINUTE}}" if self.last_indexed_at else "never indexed"
        parts = [
            f"branch {self.branch}" if self.branch else "",
            counted(self.files, "file"),
            indexed,
            f"last job {self.last_job_status} ({self.last_job_id})" if self.last_job_id else "",
            f"being indexed by job {self.live_job_id}" if self.live_job_id else "",
            "the folder is gone" if self.missing else "",
            "default view" if self.is_default else "",
        ]
        return printable(f"  {self.repo_path}: {', '.join(part for part in parts if part)}")


class ListedRepository(Part):
    """A repository and its views; files that several views hold are stored once."""

    name: str
    chunks: int
    source_bytes: int = Field(description="Of the files that its views hold, each counted once.")
    shared_source_bytes: int = Field(default=0, description="Of those that more than one view holds.")
    unused_source_bytes: int = Field(default=0, description="Of those that no view holds any more, kept for a while.")
    bytes_on_disk: int = Field(description="What its chunks take up in the database; roughly.")
    views_total: int
    views: list[ListedView] = Field(description="The default one first; at most 20 unless repo_path is given.")

    @classmethod
    def of(cls, repository: IndexedRepository) -> "ListedRepository":
        """The answer about a repository."""
        fields = {name: getattr(repository, name) for name in cls.model_fields if name != "views"}
        return cls(**fields, views=[ListedView.of(view, repository=repository.name) for view in repository.views])

    def lines(self) -> list[str]:
        """A line about the repository, and one for each view."""
        hidden = self.views_total - len(self.views)
        return [
            f"{printable(self.name)}: {counted(self.chunks, 'chunk')}, {megabytes(self.bytes_on_disk)} on disk",
            *(view.line() for view in self.views),
            *([f"  and {counted(hidden, 'more view')}: pass repo_path"] if hidden > 0 else []),
        ]


class RepositoryList(ProjectAnswer):
    """A page of repositories, by name."""

    repositories: list[ListedRepository]
    total_count: int = Field(description="How many repositories match, on all pages.")
    has_more: bool = Field(description="Whether there is a next page: call again with offset=next_offset.")
    next_offset: int | None = None

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

    def text(self) -> str:
        """A few lines for each repository."""
        count = "1 repository" if self.total_count == 1 else f"{self.total_count:,} repositories"
        lines = [*self.remarks(), f"{count} in project {self.project_id}"]
        for one in self.repositories:
            lines += one.lines()
        return "\n".join([*lines, *filter(None, [next_page(self.next_offset)])])


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

    def text(self) -> str:
        """What was done, and to which folders."""
        effect = [f"Lost: {self.lost}. Kept: {self.kept}"] if self.removed else []
        return "\n".join([self.message, *effect, *(f"  {printable(path)}" for path in self.repo_paths)])


class RetriedIndexing(Answer):
    """The new job, or the live one that the repository already had."""

    job_id: UUID = Field(description="The job's id, for get_indexing_status, watch_indexing and cancelling.")
    retried_job_id: UUID = Field(description="The job that failed or was cancelled; it stays as it is.")
    status: Status
    already_running: bool = Field(description="True if this job was already live.")
    message: str = Field(description="What happens now.")
    repo_path: str
    project_id: str

    def text(self) -> str:
        """The new job's id, and what happens."""
        return f"Job {self.job_id} ({self.status}): {printable(self.repo_path)}\n{self.message}"
