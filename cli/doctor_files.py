"""The doctor's look at the disk: snapshots, models, imported ratings, weights, room, and who may read secrets."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from catalog.checking import CLOCK_SKEW_S
from cli.doctor_findings import Finding, Patient, fault, note, ok, warning
from config.loading import SECRET_FIELDS
from config.settings import PREFIX
from index.checking import check_versions, current_is_wrong, leftovers
from index.durable import free_bytes
from index.layout import CURRENT
from index.publishing import ROOM
from posters.errors import PosterError
from ratings.errors import RatingsError
from ratings.model import FactorModel
from ratings.parquet import RatingsFile

LEAST_FREE = 64 << 20  # bytes: with less the database itself soon cannot commit
REBUILD = "posterity rebuild"
OTHERS_MAY_READ = 0o004
MANAGED = Path("/run/secrets")  # containers' secrets: readable there and nowhere else


def snapshots(patient: Patient) -> Iterator[Finding]:
    """Every version to the last byte, CURRENT, and what rebuilds left."""
    root = patient.settings.index_dir
    checked = check_versions(root, not patient.quick, lambda done, of: patient.report("snapshots", done, of))
    wrong = current_is_wrong(root)
    if wrong:
        yield fault("snapshots", root, wrong, f"posterity rollback, or {REBUILD}")
    for version in checked:
        if version.why is not None:
            say = fault if version.current else warning
            do = f"posterity rollback, then {REBUILD}" if version.current else REBUILD
            yield say("snapshots", root, f"version {version.generation}: {version.why}", do)
    good = [version for version in checked if version.why is None]
    if not checked:
        yield note("snapshots", root, "none yet", f"posterity embed --wait, then {REBUILD}")
    elif good:
        how = "name and size" if patient.quick else "sha256"
        yield ok("snapshots", root, f"{len(good)} of {len(checked)} are whole (by {how})")
    for path in leftovers(root):
        if time.time() - path.stat().st_mtime > CLOCK_SKEW_S:
            yield note("snapshots", path, "left by a rebuild that did not end", f"the next one removes it: {REBUILD}")
    current = root / CURRENT
    if current.exists() and current.stat().st_mtime > time.time() + CLOCK_SKEW_S:
        yield warning("clock", current, "it was written in the future", "set the clock by NTP: timedatectl")


def models(patient: Patient) -> Iterator[Finding]:
    """Every trained model loads."""
    root = patient.settings.models_dir
    folders = sorted(root.glob("factors-*")) if root.is_dir() else []
    for number, folder in enumerate(folders):
        patient.report("models", number, len(folders))
        try:
            FactorModel.load(folder)
        except RatingsError as err:
            say = fault if folder == folders[-1] else warning
            yield say("models", folder, str(err), "posterity train && posterity rebuild")
        else:
            yield ok("models", folder, "whole")


def imported_ratings(patient: Patient) -> Iterator[Finding]:
    """Every page of the imported ratings; its checksums are looked at as it is read."""
    root = patient.settings.data_dir / "ratings"
    files = sorted(root.glob("*.parquet")) if root.is_dir() else []
    for path in files:
        try:
            with RatingsFile(path) as file:
                rows = 0
                for group in file.groups():
                    rows += len(group)
                    patient.report("ratings", rows, file.rows)
        except RatingsError as err:
            yield fault("ratings", path, str(err), "posterity import movielens DIR, or restore a backup")
        else:
            yield ok("ratings", path, f"{rows:,} ratings")


def weights(patient: Patient) -> Iterator[Finding]:
    """The encoder's weights are those published; nothing is downloaded for it."""
    spec = patient.settings.weights
    try:
        from posters.weights import load_weights  # only a worker's installation has what it needs
    except ImportError as err:
        yield note("weights", spec, f"not looked at: {err.name} is not installed here, a worker needs it")
        return
    if spec == "imagenet":
        yield note("weights", spec, "Keras' own file is compared with its digest when a worker starts")
        return
    try:
        loaded = load_weights(spec)
    except PosterError as err:
        yield fault("weights", spec, str(err), "install Posterity again, or set POSTERITY_WEIGHTS=bundled")
    else:
        yield ok("weights", loaded.path.name, f"13 layers, sha256 {loaded.sha256[:12]}...")


def room(patient: Patient) -> Iterator[Finding]:
    """The disk has room for the next snapshot, and for the database."""
    root = patient.settings.data_dir
    checked = check_versions(patient.settings.index_dir, False, lambda _done, _of: None)
    needed = int(ROOM * max((version.size_bytes for version in checked), default=0))
    free = free_bytes(root)
    said = f"{free / 1e6:,.0f} MB are free, the next snapshot needs {needed / 1e6:,.0f} MB"
    if free < LEAST_FREE:
        yield fault(
            "disk", root, f"{free / 1e6:,.0f} MB are free: soon nothing can be stored", "make room on this disk"
        )
    elif free < needed:
        yield warning("disk", root, said, "make room on this disk: until then the snapshot served stays")
    else:
        yield ok("disk", root, said)


def moved_aside(patient: Patient) -> Iterator[Finding]:
    """What restores moved out of the way takes room until somebody removes it."""
    for path in sorted(patient.settings.data_dir.glob("*before-restore-*")):
        yield note("restore", path, "moved aside by a restore", "remove it when you no longer want to go back")


def secrets(patient: Patient) -> Iterator[Finding]:
    """Files with secrets may be read by their owner only."""
    named = {**dotenv_values(".env"), **os.environ} if Path(".env").is_file() else dict(os.environ)
    given = [named.get(f"{PREFIX}{name.upper()}_FILE") for name in SECRET_FIELDS]
    paths = [Path(name) for name in given if name]
    paths += [path for path in (Path(".env"), patient.settings.data_dir / "admin-token") if path.is_file()]
    for path in paths:
        if not path.is_file() or MANAGED in path.absolute().parents:
            continue
        mode = path.stat().st_mode & 0o777
        if mode & OTHERS_MAY_READ:
            yield warning("secrets", path, f"everybody on this machine may read it ({mode:o})", f"chmod 600 {path}")
        else:
            yield ok("secrets", path, f"not for everybody ({mode:o})")
