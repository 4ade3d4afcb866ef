"""`/livez` and `/readyz`: what an orchestrator, or a person, asks first."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from api.answers import moment
from api.errors import problem_responses
from api.refusals import NotReady
from api.services import served, services
from catalog.catalog import Catalog
from catalog.database import journal_mode
from catalog.entries import Kind
from catalog.errors import CatalogBusy
from catalog.presence import ALIVE_WITHIN_S, FORGOTTEN_S, Worker
from catalog.sources import Health, SourceState

BROKER_TIMEOUT_S = 0.5  # a health check must not wait for a broker that is only needed to be quick

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


class SourceCheck(BaseModel):
    """A poster source outside this installation."""

    name: str
    state: Literal["working", "waiting", "stopped"] = Field(
        description="waiting: an outage, no movie loses an attempt. stopped: it refuses us until somebody acts."
    )
    why: str | None
    asked_again_at: datetime | None


class WorkerCheck(BaseModel):
    """A worker's heartbeat, which comes every 5 s."""

    worker_id: str
    kinds: list[str]
    started_at: datetime
    seen_at: datetime
    silent_s: float = Field(description="Seconds since its last heartbeat.")
    alive: bool = Field(description="False for one that ended without a word within the last day.")


class Readiness(BaseModel):
    """Whether questions can be answered, and how well."""

    status: Literal["ready", "degraded", "unavailable"]
    why: list[str] = Field(description="What is missing or degraded, in words; empty when all is well.")
    snapshot: SnapshotCheck
    database: DatabaseCheck
    broker: Literal["none", "ok", "unreachable"] = Field(description="none: every worker rings its own bell.")
    workers: list[WorkerCheck]
    kinds_without_worker: list[str] = Field(description="Kinds of work that no living worker does.")
    sources: list[SourceCheck]


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
    here, snapshot = services(), served()
    database = here.catalog.database
    kind, mode = database.url.get_backend_name(), journal_mode() if database.is_sqlite else None
    seen = _seen(here.catalog)
    check = SnapshotCheck(generation=snapshot.generation if snapshot else None, degraded=here.live.degraded)
    broker = _broker(here.broker_url)
    missing = [name for name, ok in (("database", seen is not None), ("snapshot", snapshot is not None)) if not ok]
    why = [f"{name} missing" for name in missing] + ([check.degraded] if check.degraded else [])
    why += ["the broker is unreachable: work waits for the workers' next sweep"] if broker == "unreachable" else []
    why += seen.why if seen else []
    report = Readiness(
        status="unavailable" if missing else "degraded" if why else "ready",
        why=why,
        snapshot=check,
        database=DatabaseCheck(kind=kind, journal_mode=mode, ok=seen is not None),
        broker=broker,
        workers=seen.workers if seen else [],
        kinds_without_worker=seen.nobody_for if seen else [],
        sources=seen.sources if seen else [],
    ).model_dump(mode="json")
    if missing:
        raise NotReady(f"cannot answer yet: {' and '.join(missing)} missing", report)
    return report


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the catalog knows about workers and sources, and what of it is not as it should be."""

    workers: list[WorkerCheck]
    nobody_for: list[str]
    sources: list[SourceCheck]
    why: list[str]


def _seen(catalog: Catalog) -> _Seen | None:
    """None when the database does not answer."""
    try:
        workers = [_worker(worker) for worker in catalog.presence.alive(FORGOTTEN_S)]
        sources = catalog.sources.all()
        due = [kind for kind in (Kind.FETCH, Kind.EMBED) if catalog.work.due(kind)]
        due += [Kind.BUILD] if catalog.jobs.due() else []
    except CatalogBusy:
        return None
    alive = {kind for worker in workers if worker.alive for kind in worker.kinds}
    why = [f"work of the kind {kind} waits and no worker for it is alive" for kind in due if kind not in alive]
    why += [str(source.why) for source in sources if source.state == Health.STOPPED]
    nobody_for = [str(kind) for kind in Kind if kind not in alive]
    return _Seen(workers, nobody_for, [_source(source) for source in sources], why)


def _worker(worker: Worker) -> WorkerCheck:
    silent_s = max(0.0, time.time() - worker.seen_at)
    return WorkerCheck(
        worker_id=worker.worker_id,
        kinds=list(worker.kinds),
        started_at=moment(worker.started_at),
        seen_at=moment(worker.seen_at),
        silent_s=round(silent_s, 1),
        alive=silent_s <= ALIVE_WITHIN_S,
    )


def _source(source: SourceState) -> SourceCheck:
    until = None if source.until is None or source.state == Health.WORKING else moment(source.until)
    return SourceCheck(name=source.name, state=source.state.value, why=source.why, asked_again_at=until)


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
