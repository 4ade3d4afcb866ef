"""The claim protocol on poster rows as SQL: what is due, what a claim takes, what its holder may change.

Every change of a claimed row names the token of the claim; a worker whose lease ran out changes nothing
(reliability.md section 4). Times are seconds since 1970.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, case, func, not_, or_, select, update

from catalog.entries import MAX_ATTEMPTS, Claim, Kind, State
from catalog.movies import chunks
from catalog.schema import poster_files, poster_vectors, poster_work

# Fetched posters that may wait for the encoder: enough to keep several encoders busy, and no more pictures on the disk
# than are needed soon.
MOST_FETCHED_AHEAD = 512
WAITING = {Kind.FETCH: State.PENDING, Kind.EMBED: State.FETCHED}
OPEN = (State.PENDING, State.FETCHED)
# How the token of a claim begins whose rows are in hand beside others. Such a death proves nothing against any of them.
SHARED = "s"
RELEASED: dict[str, Any] = {"lease_until": None, "token": None}
ADVANCED: dict[str, Any] = {
    **RELEASED,
    "attempt": 0,
    "lost": 0,
    "troubles": 0,
    "next_attempt_at": None,
    "reason": None,
    "detail": None,
}


def due(kind: Kind, now: float) -> Any:
    """Rows of this kind that may be claimed now; of those to be fetched none while the encoder is far behind."""
    free = or_(poster_work.c.lease_until.is_(None), poster_work.c.lease_until < now)
    in_time = or_(poster_work.c.next_attempt_at.is_(None), poster_work.c.next_attempt_at <= now)
    left = or_(poster_work.c.attempt < MAX_ATTEMPTS, in_company())
    waiting = and_(poster_work.c.state == WAITING[kind], left, free, in_time)
    return and_(waiting, _encoder_can_follow()) if kind == Kind.FETCH else waiting


def _encoder_can_follow() -> Any:
    other = poster_work.alias("other")
    ahead = select(other.c.movie_id).where(other.c.state == State.FETCHED).limit(MOST_FETCHED_AHEAD).subquery()
    return select(func.count()).select_from(ahead).scalar_subquery() < MOST_FETCHED_AHEAD


def suspect() -> Any:
    """Rows whose worker died with them in hand: one of them may be the cause."""
    return or_(poster_work.c.lost > 0, poster_work.c.lease_until.is_not(None))


def in_company() -> Any:
    """Rows that are, or were when their worker died, in hand beside others: that attempt is not charged to them.

    Or a poster would be given up for three accidents in a row, of which the first meets whole batches.
    """
    return func.coalesce(poster_work.c.token.startswith(SHARED), False)


def exhausted(now: float) -> Any:
    """Rows whose worker died at the last attempt they had, alone."""
    last = and_(poster_work.c.attempt >= MAX_ATTEMPTS, not_(in_company()))
    return and_(poster_work.c.state.in_(OPEN), last, poster_work.c.lease_until < now)


def ended(reason: Any, detail: Any, now: float) -> dict[str, Any]:
    """What a row becomes that cannot go on: failed, or what it was before when only its renewal failed.

    The reason stays on both. A picture whose time is over is not kept.
    """
    shown = or_(poster_files.c.expires_at.is_(None), poster_files.c.expires_at > now)
    kept = (
        select(poster_vectors.c.movie_id)
        .join(poster_files, poster_files.c.movie_id == poster_vectors.c.movie_id)
        .where(shown, poster_vectors.c.movie_id == poster_work.c.movie_id)
        .exists()
    )
    state = case((and_(poster_work.c.renewing, kept), State.EMBEDDED), else_=State.FAILED)
    return {**RELEASED, "state": state, "renewing": False, "reason": reason, "detail": detail}


def take(connection: Connection, condition: Any, limit: int, lease_until: float, joins: bool = False) -> Claim:
    """Claims up to `limit` of these rows, their attempt counted; most-rated first.

    Args:
        joins: other rows are in the caller's hands.
    """
    first = poster_work.c.lost, poster_work.c.priority.desc(), poster_work.c.movie_id
    chosen = select(poster_work.c.movie_id).where(condition).order_by(*first).limit(limit)
    # WITH, since PostgreSQL may run a plain subquery once for every row, and each run would lock `limit` others.
    locked = chosen.with_for_update(skip_locked=True).cte("chosen")
    alone, shared = secrets.token_hex(16), SHARED + secrets.token_hex(16)[len(SHARED) :]
    several = select(func.count()).select_from(locked).scalar_subquery() > 1
    values = {
        "attempt": poster_work.c.attempt + case((in_company(), 0), else_=1),
        "lost": poster_work.c.lost + case((poster_work.c.lease_until.is_not(None), 1), else_=0),
        "token": shared if joins else case((several, shared), else_=alone),
        "lease_until": lease_until,
    }
    taken = update(poster_work).where(poster_work.c.movie_id.in_(select(locked.c.movie_id))).values(values)
    columns = poster_work.c.movie_id, poster_work.c.priority, poster_work.c.token
    rows = connection.execute(taken.returning(*columns)).all()
    ids = tuple(row.movie_id for row in sorted(rows, key=lambda row: (-row.priority, row.movie_id)))
    return Claim(rows[0].token if rows else alone, ids)


def hold(connection: Connection, movie_ids: Sequence[int]) -> None:
    """Locks the work rows of these movies, to the end of the transaction; SQLite's writers are alone anyway.

    Whoever changes several rows, or other things of a movie beside its work row, begins here. All take the locks in the
    same order, so no two can wait for each other.
    """
    if connection.dialect.name != "postgresql":
        return
    for chunk in chunks(sorted(movie_ids)):
        rows = select(poster_work.c.movie_id).where(poster_work.c.movie_id.in_(chunk))
        connection.execute(rows.order_by(poster_work.c.movie_id).with_for_update())


def mine(claim: Claim, movie_ids: Sequence[int]) -> Any:
    """The rows among these that still carry the claim's token."""
    return and_(poster_work.c.movie_id.in_(movie_ids), poster_work.c.token == claim.token)


def advance(connection: Connection, claim: Claim, movie_ids: Sequence[int], values: dict[str, Any]) -> set[int]:
    """Changes the rows that still carry the claim's token; the others were taken over and stay as they are."""
    ours: set[int] = set()
    hold(connection, movie_ids)
    for chunk in chunks(movie_ids):
        changed = update(poster_work).where(mine(claim, chunk)).values({**values, "changed_at": time.time()})
        ours.update(connection.execute(changed.returning(poster_work.c.movie_id)).scalars())
    return ours
