"""`/jobs`: how far the things are that somebody asked for."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from api.answers import JobsAnswer, JobWithFailures, job_answer, job_with_failures
from api.errors import problem_responses
from api.fields import JobId, Limit
from api.services import catalog
from catalog.entries import State
from catalog.jobs import movies_of

routes = APIBlueprint("jobs", __name__, abp_tags=[Tag(name="jobs")], abp_responses=problem_responses(400, 500, 503))


class JobsQuery(BaseModel, extra="forbid"):
    """How many jobs."""

    limit: Limit = 50


class JobPath(BaseModel):
    """One job."""

    job_id: JobId


@routes.get("/jobs", responses={200: JobsAnswer})
def newest(query: JobsQuery) -> dict[str, Any]:
    """The newest jobs, newest first."""
    items = [job_answer(job) for job in catalog().jobs.newest(query.limit)]
    return JobsAnswer(items=items).model_dump(mode="json")


@routes.get("/jobs/<job_id>", responses={200: JobWithFailures, **problem_responses(404)})
def show(path: JobPath) -> dict[str, Any]:
    """One job: how far it is, and which movies failed for which reason."""
    here = catalog()
    job = here.jobs.get(path.job_id)
    movies = here.movies.many(movies_of(here.database, job.job_id)) if job.kind == "add" else []
    failed = [movie for movie in movies if movie.state == State.FAILED]
    return job_with_failures(job, failed).model_dump(mode="json")
