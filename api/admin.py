"""`/admin`: training, rebuilding and rolling back, for whoever has the token."""

from http import HTTPStatus
from typing import Annotated, Any

from flask import g
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, model_validator

from api.answers import SnapshotAnswer, SnapshotsAnswer, snapshot_answer
from api.errors import problem_responses
from api.job_answers import JobAnswer, job_answer
from api.services import catalog, renew_view, services
from api.tokens import ADMIN_SCHEME, Tokens, guard
from index.versions import list_versions, rollback
from workers.enqueue import start_job

RETRY_AFTER_S = 2
MAX_GENERATION = 99_999_999  # the eight digits of a snapshot's folder


class OptionalBody(BaseModel, extra="forbid"):
    """A body that may be left out: then nothing in it was said."""

    model_config = {"openapi_extra": {"required": False}}  # type: ignore[typeddict-unknown-key]

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, body: Any) -> Any:
        return {} if body is None else body


class NoOptions(OptionalBody):
    """There is nothing to choose yet: leave the body out."""


class RollbackGiven(OptionalBody):
    """Where to go back to."""

    generation: Annotated[int, Field(strict=True, ge=1, le=MAX_GENERATION)] | None = Field(
        default=None, description="A generation of GET /admin/snapshots; by default the one before the current one."
    )


def admin_routes(tokens: Tokens) -> APIBlueprint:
    """The admin routes behind their token; an app without a token does not register them at all."""
    routes = APIBlueprint(
        "admin",
        __name__,
        url_prefix="/admin",
        abp_tags=[Tag(name="admin")],
        abp_security=[{ADMIN_SCHEME: []}],
        abp_responses=problem_responses(400, 401, 500, 503),
    )
    routes.before_request(guard(tokens))
    build = {202: JobAnswer, **problem_responses(409, 413, 415)}
    routes.post("/rebuild", responses=build)(rebuild)
    routes.post("/train", responses=build)(train)
    routes.get("/snapshots", responses={200: SnapshotsAnswer})(snapshots)
    routes.post("/rollback", responses={200: SnapshotAnswer, **problem_responses(404, 409, 413, 415)})(roll_back)
    return routes


def rebuild(body: NoOptions) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Pack the newest model and all embedded posters into the next snapshot."""
    return _started("rebuild")


def train(body: NoOptions) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Fit the rating factors anew; a rebuild then publishes them."""
    return _started("train")


def snapshots() -> dict[str, Any]:
    """The snapshots that are kept, newest first."""
    versions = sorted(list_versions(services().index_dir), key=lambda version: -version.generation)
    return SnapshotsAnswer(items=[snapshot_answer(version) for version in versions]).model_dump(mode="json")


def roll_back(body: RollbackGiven) -> dict[str, Any]:
    """Serve an earlier snapshot again; it is verified first."""
    here = services()
    generation = rollback(here.index_dir, body.generation).generation
    here.live.refresh()
    renew_view()
    current = next(version for version in list_versions(here.index_dir) if version.generation == generation)
    return snapshot_answer(current).model_dump(mode="json")


def _started(kind: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    job = start_job(catalog(), services().bell, kind, g.get("request_id"))
    headers = {"Location": f"/jobs/{job.job_id}", "Retry-After": str(RETRY_AFTER_S)}
    return job_answer(job).model_dump(mode="json"), HTTPStatus.ACCEPTED, headers
