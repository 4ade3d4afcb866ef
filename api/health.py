"""`/livez` and `/readyz`: what an orchestrator, or a person, asks first."""

from typing import Any, Literal

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from api.answers import WorkerSeen, worker_seen
from api.errors import NotReady, problem_responses
from api.services import served, services
from catalog.catalog import Catalog
from catalog.database import journal_mode
from catalog.errors import CatalogBusy

BROKER_TIMEOUT_S = 0.5  # a health check must not wait for a broker that is only needed to be quick
SEEN_WITHIN_S = 15.0  # three times the 5 s in which a worker says that it is alive

routes = APIBlueprint("health", __name__, abp_tags=[Tag(name="health")], abp_responses=problem_responses(400, 500))


class SnapshotCheck(BaseModel):
    """The snapshot being served."""

    generation: int | None = Field(description="null before the first one.")
    degraded: str | None = Field(description="Why the newest snapshot is not the one being served.")


class DatabaseCheck(BaseModel):
    """The catalog's database."""

    kind: str
    journal_mode: str | None = Field(description="Of SQLite; null elsewhere.")
    ok: bool


class Readiness(BaseModel):
    """Whether questions can be answered, and how well."""

    status: Literal["ready", "degraded", "unavailable"]
    snapshot: SnapshotCheck
    database: DatabaseCheck
    broker: Literal["none", "ok", "unreachable"] = Field(description="none: every worker rings its own bell.")
    workers: list[WorkerSeen]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


@routes.get("/livez", responses={200: Alive})
def livez() -> dict[str, Any]:
    """Whether the process answers at all; looks at nothing else."""
    return Alive().model_dump()


@routes.get("/readyz", responses={200: Readiness, **problem_responses(503)})
def readyz() -> dict[str, Any]:
    """Whether questions can be answered: needs the database and a snapshot; the rest only degrades."""
    here = services()
    database, workers = _database(here.catalog)
    snapshot = served()
    check = SnapshotCheck(generation=snapshot.generation if snapshot else None, degraded=here.live.degraded)
    broker = _broker(here.broker_url)
    missing = [name for name, ok in (("database", database.ok), ("snapshot", snapshot is not None)) if not ok]
    degraded = check.degraded is not None or broker == "unreachable"
    report = Readiness(
        status="unavailable" if missing else "degraded" if degraded else "ready",
        snapshot=check,
        database=database,
        broker=broker,
        workers=workers,
    ).model_dump(mode="json")
    if missing:
        raise NotReady(f"cannot answer yet: {' and '.join(missing)} missing", report)
    return report


def _database(catalog: Catalog) -> tuple[DatabaseCheck, list[WorkerSeen]]:
    database = catalog.database
    mode = journal_mode() if database.is_sqlite else None
    kind = database.url.get_backend_name()
    try:
        workers = catalog.presence.alive(SEEN_WITHIN_S)
    except CatalogBusy:
        return DatabaseCheck(kind=kind, journal_mode=mode, ok=False), []
    return DatabaseCheck(kind=kind, journal_mode=mode, ok=True), [worker_seen(worker) for worker in workers]


def _broker(url: str) -> Literal["none", "ok", "unreachable"]:
    if url.startswith("memory://"):
        return "none"
    # Celery writes redis+socket:// where the Redis client says unix://.
    client = Redis.from_url(
        url.replace("redis+socket://", "unix://", 1),
        socket_timeout=BROKER_TIMEOUT_S,
        socket_connect_timeout=BROKER_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # without the handshake of RESP3, so that something that is no Redis is told from one
    )
    try:
        client.ping()
    except (RedisError, OSError):
        return "unreachable"
    finally:
        client.close()
    return "ok"
