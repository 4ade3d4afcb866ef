"""The doctor's look at the catalog: the database, the rules of the work protocol, records and pictures."""

import time
from collections.abc import Iterator

from catalog import checking
from catalog.checking import CLOCK_SKEW_S, ReadOnlyDatabase
from catalog.content import ContentStore
from catalog.database import journal_mode
from catalog.presence import ALIVE_WITHIN_S
from catalog.upgrading import revisions
from cli.doctor_findings import Finding, Patient, fault, note, ok, warning
from index.errors import BadRecord
from index.records import record_parts

SAMPLE = 200  # records and pictures looked at with --quick
OVERDUE_S = 600.0  # a lease that ended so long ago has been seen by no sweeper
SHOWN = 5
EMBED_AGAIN = "embed them again: POST /movies/ID/poster without a body, for each, with the admin token"
RESTORE = "restore the last good backup: posterity restore FILE --replace"


def database_opens(patient: Patient) -> Iterator[Finding]:
    """Opens, is of this version's schema, and its clock is ours."""
    database = _demanded(patient)
    facts = checking.facts(database)
    newest = revisions()[-1]
    if facts.revision == newest:
        yield ok("database", database.where, f"opens, schema {facts.revision}")
    elif facts.revision in revisions():
        yield warning("database", database.where, f"schema {facts.revision} is not {newest}", "posterity status --once")
    else:
        found = f"schema {facts.revision or 'missing'} is not one that this version knows"
        yield fault("database", database.where, found, "run the version of Posterity that made it, or restore a backup")
    off = facts.now - time.time()
    if abs(off) > CLOCK_SKEW_S:
        yield fault("clock", database.where, f"its clock is {off:+.0f} s from ours", "set both by NTP: timedatectl")
    else:
        yield ok("clock", database.where, f"{off:+.1f} s from ours")
    for name in facts.unsafe:
        found = f"{name} is off: a power cut takes away what was accepted"
        yield warning("database", database.where, found, f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()")
    if database.is_sqlite:
        yield _sqlite_gate(database, facts)


def _sqlite_gate(database: ReadOnlyDatabase, facts: checking.Facts) -> Finding:
    """WAL only where the library is free of the WAL-reset bug (reliability.md section 1.5)."""
    wanted, said = journal_mode(), f"SQLite {facts.version}, journal mode {facts.journal_mode}"
    if facts.journal_mode == "WAL" and wanted != "WAL":
        found = f"{said}: this version can lose commits in that mode (WAL-reset bug, fixed in 3.51.3, 3.50.7, 3.44.6)"
        return fault("SQLite", database.where, found, "stop everything, then: posterity status --once sets mode DELETE")
    if wanted != "WAL":
        do = "none needed; a Python with SQLite 3.51.3 or newer writes faster"
        return note("SQLite", database.where, f"{said}, since WAL is not safe in this version", do)
    return ok("SQLite", database.where, said)


def database_is_whole(patient: Patient) -> Iterator[Finding]:
    """SQLite's own check of every page."""
    database = _demanded(patient)
    if not database.is_sqlite:
        return
    patient.report("database", 0, 1)
    found = checking.damages(database, patient.quick)
    for line in found[:SHOWN]:
        yield fault("integrity", database.where, line, RESTORE)
    if not found:
        yield ok("integrity", database.where, "every page and key is whole")


def rules_hold(patient: Patient) -> Iterator[Finding]:
    """The invariants of the work protocol, and work that nobody does."""
    database = _demanded(patient)
    broken = checking.breaches(database, time.time())
    for breach in broken:
        found = f"{breach.count:,} break the rule: {breach.rule} ({', '.join(breach.first)})"
        say = fault if breach.lost else warning
        yield say("work", database.where, found, EMBED_AGAIN if breach.lost else "see docs/operations.md, doctor")
    if not broken:
        yield ok("work", database.where, "the rules of the work protocol hold")
    waiting = checking.waiting(database, time.time(), ALIVE_WITHIN_S, OVERDUE_S)
    if waiting.expired:
        found = f"{waiting.expired:,} rows wait since their worker died, over {OVERDUE_S:.0f} s ago"
        yield warning("work", database.where, found, "start a worker: posterity worker, or posterity serve")
    for kind in waiting.kinds_without_worker:
        found = f"work of the kind {kind} waits and no worker for it is alive"
        yield warning("work", database.where, found, f"posterity worker --kinds {kind}, or posterity serve")


def records_decode(patient: Patient) -> Iterator[Finding]:
    """Every stored vector is what its checksum says."""
    database = _demanded(patient)
    of = checking.counts(database)[0]
    most = SAMPLE if patient.quick else None
    looked, bad = 0, []
    for run in checking.records(database, most):
        for movie_id, record in run:
            try:
                record_parts(record)
            except BadRecord as err:
                bad.append((movie_id, err.why))
        looked += len(run)
        patient.report("records", looked, of if most is None else min(of, most))
    if bad:
        ids = ", ".join(str(movie_id) for movie_id, _ in bad[:SHOWN])
        yield fault(
            "records",
            database.where,
            f"{len(bad):,} of {looked:,} are damaged (movies {ids}): {bad[0][1]}",
            EMBED_AGAIN,
        )
    else:
        yield ok("records", database.where, f"{looked:,} of {of:,} decode")


def pictures_are_there(patient: Patient) -> Iterator[Finding]:
    """Every poster file is there and what its name says."""
    database = _demanded(patient)
    root = patient.settings.data_dir / "posters"
    store, of = ContentStore(root), checking.counts(database)[1]
    most = SAMPLE if patient.quick else None
    looked, gone, damaged = 0, list[int](), list[int]()
    for run in checking.pictures(database, most):
        for movie_id, sha256, media_type in run:
            if store.get(sha256, media_type) is None:
                (damaged if store.path(sha256, media_type).exists() else gone).append(movie_id)
        looked += len(run)
        patient.report("posters", looked, of if most is None else min(of, most))
    for ids, what in ((gone, "missing"), (damaged, "damaged (sha256 differs)")):
        if ids:
            named = ", ".join(map(str, ids[:SHOWN]))
            found = f"{len(ids):,} of {looked:,} poster files are {what}: movies {named}"
            yield fault("posters", root, found, "fetch them again: POST /movies/ID/poster without a body, for each")
    if not gone and not damaged:
        yield ok("posters", root, f"{looked:,} of {of:,} are there and whole")


def _demanded(patient: Patient) -> ReadOnlyDatabase:
    """The database, in the checks that are only made where there is one (`cli.doctor`)."""
    if patient.database is None:
        raise ValueError("there is no database to look at")
    return patient.database
