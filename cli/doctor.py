"""`posterity doctor`: looks at everything, changes nothing, and says what to do about each finding."""

import json
import sys
from collections.abc import Iterator

import click
from rich.console import Console
from rich.table import Table

from catalog.checking import ReadOnlyDatabase, facts
from catalog.errors import CatalogError
from cli import doctor_broker, doctor_catalog, doctor_files, doctor_settings, doctor_versions
from cli.doctor_findings import Check, Finding, Level, Patient, fault, note
from cli.progress import Bar
from config import logs
from config.errors import ConfigError
from config.loading import load_settings
from config.settings import Settings

# Those of the first list need a database that opens.
OF_DATABASE: tuple[Check, ...] = (
    doctor_catalog.database_opens,
    doctor_catalog.database_is_whole,
    doctor_catalog.rules_hold,
    doctor_catalog.records_decode,
    doctor_catalog.pictures_are_there,
)
OTHERS: tuple[Check, ...] = (
    doctor_files.snapshots,
    doctor_files.models,
    doctor_files.imported_ratings,
    doctor_files.weights,
    doctor_broker.broker,
    doctor_files.room,
    doctor_files.moved_aside,
    doctor_files.secrets,
    doctor_settings.access,
    doctor_versions.versions,
)
COLOURS = {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.FAULT: "bold red"}


@click.command("doctor")
@click.option("--quick", is_flag=True, help="Look at 200 records and posters, and at sizes instead of sha256.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--all", "everything", is_flag=True, help="Show what is well, too.")
def doctor_command(quick: bool, as_json: bool, everything: bool) -> None:
    """Look at the catalog, every record, poster and snapshot, the broker, the disk, versions and settings.

    Changes nothing, works while the service runs and when parts of it are down. Ends with code 1 when something is
    broken; notes and warnings are none.

    Example: posterity doctor --quick
    """
    with Bar("doctor") as bar:
        findings = list(examine(quick, bar))
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=1))
    else:
        show(findings, everything)
    sys.exit(1 if any(finding.level == Level.FAULT for finding in findings) else 0)


def examine(quick: bool, bar: Bar) -> Iterator[Finding]:
    """All findings, check by check; what one of them cannot look at stops no other one."""
    try:
        settings = load_settings()
    except ConfigError as err:
        yield fault("settings", "environment", str(err), "mend it: docs/configuration.md names every setting")
        yield from doctor_versions.versions()
        return
    logs.configure(settings, quiet=True)
    if not settings.data_dir.is_dir():
        yield note("data", settings.data_dir, "there is no data folder yet", "posterity import movielens DIR")
        yield from doctor_versions.versions()
        return
    database, why = _opened(settings)
    yield from why
    try:
        patient = Patient(settings, database, quick, bar.update)
        for check in (*(OF_DATABASE if database else ()), *OTHERS):
            yield from _findings(check, patient)
    finally:
        if database is not None:
            database.close()


def _opened(settings: Settings) -> tuple[ReadOnlyDatabase | None, list[Finding]]:
    """The database, once it has answered; a fault where there is none, or none that can be read."""
    try:
        database = ReadOnlyDatabase(settings.catalog_url)
    except CatalogError as err:
        do = "posterity import movielens DIR, or restore a backup: posterity restore FILE"
        return None, [fault("database", "POSTERITY_DATABASE_URL", str(err), do)]
    try:
        facts(database)
    except CatalogError as err:
        database.close()
        do = "see that it runs and is reachable; else restore the last good backup: posterity restore FILE --replace"
        return None, [fault("database", database.where, str(err), do)]
    return database, []


def _findings(check: Check, patient: Patient) -> Iterator[Finding]:
    what = check.__name__.replace("_", " ")
    try:
        yield from check(patient)
    except CatalogError as err:
        yield fault(what, "database", str(err), "see that the database runs and is reachable; else restore a backup")
    except OSError as err:
        yield fault(what, str(err.filename or patient.settings.data_dir), str(err), "see the disk and its permissions")
    except Exception as err:  # noqa: BLE001 - whatever it is, the other checks go on
        yield fault(what, "this check", f"it failed: {type(err).__name__}", "report this as a bug")


def show(findings: list[Finding], everything: bool) -> None:
    """A table of what is not well, or of everything, and a last line that counts."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    shown = [finding for finding in findings if everything or finding.level != Level.OK]
    if shown:
        table = Table("", "what", "where", "found", "what to do", box=None, header_style="bold")
        for finding in shown:
            level = f"[{COLOURS[finding.level]}]{finding.level}[/]"
            table.add_row(level, *map(_plain, (finding.what, finding.where, finding.found, finding.do)))
        console.print(table)
    counted = ", ".join(f"{sum(f.level == level for f in findings)} {level}" for level in Level)
    click.echo(f"{len(findings)} looked at: {counted}")


def _plain(text: str) -> str:
    """Text of files and servers outside is no markup."""
    return text.replace("[", r"\[")
