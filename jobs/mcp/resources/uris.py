"""The addresses of resources: pgdex://repositories, pgdex://files/…, pgdex://jobs/…."""

from urllib.parse import quote
from uuid import UUID

from mcp.shared.uri_template import UriTemplate

REPOSITORIES = "pgdex://repositories"
REPOSITORIES_PAGE = "pgdex://repositories{?project_id,offset}"
FILES = "pgdex://files/{repo_path}/{+path}{?lines,project_id}"
JOBS = "pgdex://jobs/{job_id}{?project_id}"

_JOBS = UriTemplate.parse(JOBS)


def page_uri(*, offset: int, project_id: str) -> str:
    """The list of a project's repositories, from the one with this number."""
    return f"{REPOSITORIES}?project_id={quote(project_id, safe='')}&offset={offset}"


def file_uri(repo_path: str, path: str, *, lines: str | None = None, project_id: str | None = None) -> str:
    """Some lines of a file ("10-40"), or its beginning."""
    given = {"lines": lines, "project_id": project_id}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value is not None)
    return f"pgdex://files/{quote(repo_path, safe='')}/{quote(path, safe='/')}{'?' if query else ''}{query}"


def job_uri(job_id: UUID) -> str:
    """A job."""
    return f"pgdex://jobs/{job_id}"


def job_of_uri(uri: str) -> tuple[str, str | None] | None:
    """The job's id and the project that the address of a job names; None for any other address."""
    found = _JOBS.match(uri)
    if found is None:
        return None
    project = found.get("project_id")
    return str(found["job_id"]), str(project) if project is not None else None
