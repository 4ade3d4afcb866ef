"""`/jobs`: how far the things are that somebody asked for."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from api.errors import FieldError, InvalidRequest, problem_responses
from api.fields import JobCursor, JobId, Limit
from api.job_answers import JobKind, JobsAnswer, JobWithFailures, job_answer, job_with_failures
from api.services import catalog
from catalog.entries import State
from catalog.errors import UnknownJob

routes = APIBlueprint("jobs", __name__, abp_tags=[Tag(name="jobs")], abp_responses=problem_responses(400, 500, 503))


class JobsQuery(BaseModel, extra="forbid"):
    """Which jobs."""

    kind: JobKind | None = None
    cursor: JobCursor = Field(default="", description="The next_cursor of the page before.")
    limit: Limit = 50


class JobPath(BaseModel):
    """One job."""

    job_id: JobId


@routes.get("/jobs", responses={200: JobsAnswer})
def newest(query: JobsQuery) -> dict[str, Any]:
    """The newest jobs, newest first."""
    try:
        found = catalog().jobs.newest(query.limit + 1, query.cursor, query.kind or "")
    except UnknownJob as err:
        raise InvalidRequest(FieldError(field="cursor", why="is not the next_cursor of a page before")) from err
    shown = found[: query.limit]
    more = shown[-1].job_id if len(found) > len(shown) else None
    return JobsAnswer(items=[job_answer(job) for job in shown], next_cursor=more).model_dump(mode="json")


@routes.get("/jobs/<job_id>", responses={200: JobWithFailures, **problem_responses(404)})
def show(path: JobPath) -> dict[str, Any]:
    """One job: how far it is, and which movies failed for which reason."""
    here = catalog()
    job = here.jobs.get(path.job_id)
    movies = here.movies.many(here.jobs.movies_of(job.job_id)) if job.kind == "add" else []
    failed = [movie for movie in movies if movie.state == State.FAILED]
    return job_with_failures(job, failed).model_dump(mode="json")
