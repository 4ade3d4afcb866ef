"""What must be true of work, whatever died (reliability.md section 11: O1 to O5), read from the database itself."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from catalog.catalog import Catalog
from catalog.entries import MAX_ATTEMPTS, State
from index.errors import SnapshotError
from index.layout import read_current, version_folder
from index.manifest import read_manifest
from index.records import decode_record
from index.snapshot import Snapshot
from index.trust import demand_files
from tests.faults.looking import Looking

AUDIT = (
    "CREATE TABLE audit (movie_id INTEGER, what TEXT)",
    "CREATE TRIGGER note_vector AFTER INSERT ON poster_vectors BEGIN"
    " INSERT INTO audit VALUES (NEW.movie_id, 'vector'); END",
    "CREATE TRIGGER note_end AFTER UPDATE OF state ON poster_work"
    " WHEN NEW.state IN ('embedded', 'failed') BEGIN INSERT INTO audit VALUES (NEW.movie_id, 'end'); END",
    "CREATE TRIGGER note_lost AFTER UPDATE OF lost ON poster_work WHEN NEW.lost > OLD.lost BEGIN"
    " INSERT INTO audit VALUES (NEW.movie_id, 'lost'); END",
    f"CREATE TRIGGER note_attempt AFTER UPDATE OF attempt ON poster_work WHEN NEW.attempt > {MAX_ATTEMPTS} BEGIN"
    " INSERT INTO audit VALUES (NEW.movie_id, 'attempt'); END",
)


def audit(catalog: Catalog) -> None:
    """Has SQLite itself note every vector stored, every end of a row, every lost row taken over, attempts too many."""
    with catalog.database.write() as connection:
        for statement in AUDIT:
            connection.exec_driver_sql(statement)


def noted(catalog: Catalog, what: str) -> Counter[int]:
    """How often something was noted of each movie."""
    with catalog.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT movie_id FROM audit WHERE what = ?", (what,))
        return Counter(rows.scalars())


def broken_rows(catalog: Catalog, expected: Mapping[int, bytes | None]) -> list[str]:
    """What O1, O3 and O4 find wrong, and O2 as far as the catalog goes; one line each.

    Args:
        expected: by id of every movie that was accepted, its record; None for one that must fail as `worker_lost`.
    """
    with catalog.database.read() as connection:
        rows = {
            row.movie_id: row
            for row in connection.exec_driver_sql(
                "SELECT movie_id, state, reason, attempt, token, lease_until FROM poster_work"
            )
        }
    too_often = noted(catalog, "attempt")
    lines = [f"movie {movie_id} is lost: it has no row" for movie_id in expected.keys() - rows.keys()]
    lines += [f"nobody asked for movie {movie_id}" for movie_id in rows.keys() - expected.keys()]
    for movie_id in sorted(expected.keys() & rows.keys()):
        row = rows[movie_id]
        wanted = (State.FAILED, "worker_lost") if expected[movie_id] is None else (State.EMBEDDED, None)
        if (row.state, row.reason) != wanted or row.token is not None or row.lease_until is not None:
            lines.append(f"movie {movie_id} is {row.state} {row.reason} {row.token}, not {wanted}")
        if row.attempt > MAX_ATTEMPTS or too_often[movie_id]:
            lines.append(f"movie {movie_id} had more than {MAX_ATTEMPTS} attempts")
    return lines + _broken_vectors(catalog, expected) + _doubled(catalog)


def _broken_vectors(catalog: Catalog, expected: Mapping[int, bytes | None]) -> list[str]:
    stored: dict[int, bytes] = {}
    for fingerprint in catalog.posters.fingerprints():
        stored |= {vector.movie_id: vector.record for run in catalog.posters.vectors(fingerprint) for vector in run}
    wanted = {movie_id: record for movie_id, record in expected.items() if record is not None}
    lines = [f"movie {movie_id} has no vector" for movie_id in wanted.keys() - stored.keys()]
    lines += [f"movie {movie_id} must have no vector" for movie_id in stored.keys() - wanted.keys()]
    for movie_id in sorted(wanted.keys() & stored.keys()):
        vector = decode_record(stored[movie_id])
        if not np.isfinite(vector).all() or not vector.any():
            lines.append(f"movie {movie_id} has a vector of zeros, or one that is not finite")
        if stored[movie_id] != wanted[movie_id]:
            lines.append(f"movie {movie_id} has another vector than its poster")
    return lines


def _doubled(catalog: Catalog) -> list[str]:
    lines = []
    for what in ("vector", "end"):
        twice = [movie_id for movie_id, times in noted(catalog, what).items() if times > 1]
        lines += [f"movie {movie_id}: {what} more than once" for movie_id in sorted(twice)]
    return lines


def broken_snapshot(index_dir: Path, expected: Mapping[int, bytes | None]) -> list[str]:
    """What O2 and O5 find wrong with what is served: its files, its ids, its vectors."""
    why = unverified(index_dir)
    current = read_current(index_dir)
    if why or current is None:
        return [why or "nothing was published"]
    space: Any = Snapshot.open(version_folder(index_dir, current.generation)).space("poster")
    ids = [int(movie_id) for movie_id in space.movie_ids]
    wanted = {movie_id: record for movie_id, record in expected.items() if record is not None}
    if sorted(ids) != sorted(wanted):
        return [f"snapshot {current.generation} holds {len(ids)} posters and should hold {len(wanted)} others"]
    return [
        f"snapshot {current.generation} has another vector for movie {movie_id}"
        for movie_id in ids
        if not np.array_equal(space.stored(movie_id), decode_record(wanted[movie_id]))
    ]


def unverified(index_dir: Path) -> str:
    """What is wrong with the version that CURRENT names, read to its last byte; empty when it is whole."""
    try:
        current = read_current(index_dir)
        if current is None:
            return ""
        folder = version_folder(index_dir, current.generation)
        manifest, content = read_manifest(folder)
        if hashlib.sha256(content).hexdigest() != current.manifest_sha256:
            return f"{folder.name}: its manifest is not the one that CURRENT names"
        demand_files(folder, manifest, thorough=True)
    except SnapshotError as err:
        return str(err)
    return ""


class Watch(Looking):
    """O5: verifies what CURRENT names, again and again, while its `with` block lasts.

    Attributes:
        looks: how often. wrong: what was found, one line each.
    """

    every_s = 0.02

    def __init__(self, index_dir: Path) -> None:
        super().__init__()
        self._index_dir = index_dir
        self.looks = 0
        self.wrong: list[str] = []

    def look(self) -> None:
        """One look."""
        self.looks += 1
        if why := unverified(self._index_dir):
            self.wrong.append(why)
