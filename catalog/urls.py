"""URLs of databases: which ones this program can use, what of them may be shown."""

from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from catalog.errors import BadDatabaseUrl

TAKEN = "it takes sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
PSYCOPG = "postgresql+psycopg"
# Hosts of databases hand out the short forms.
DRIVERS = {"sqlite": "sqlite", "postgres": PSYCOPG, "postgresql": PSYCOPG, PSYCOPG: PSYCOPG}


def readable(url: str) -> URL:
    """The parts of a URL, its driver known to be installed.

    Raises:
        BadDatabaseUrl: it cannot be used; the message does not repeat it.
    """
    try:
        parts = make_url(url)
        parts = parts.set(drivername=DRIVERS[parts.drivername])
    except (ArgumentError, ValueError, KeyError) as err:
        raise BadDatabaseUrl(f"the database URL is not one this program can use; {TAKEN}") from err
    if "@" in (parts.host or ""):  # the rest of a password: it must not be shown as a host
        raise BadDatabaseUrl("the database URL has two @; write %40 for one in a password")
    if parts.drivername == PSYCOPG:
        _demand_usable(parts)
    return parts


def shown(url: URL) -> str:
    """The URL for messages: without its password, which may also be among the options."""
    return url.set(query={}).render_as_string()


def _demand_usable(url: URL) -> None:
    try:
        dialect = url.get_dialect()
        psycopg: Any = dialect.import_dbapi()
    except ImportError as err:
        raise BadDatabaseUrl("the database needs the package psycopg: pip install 'posterity[postgres]'") from err
    try:
        psycopg.conninfo.make_conninfo(**dialect().create_connect_args(url)[1])
    except psycopg.ProgrammingError as err:
        raise BadDatabaseUrl(f"the database URL is not one this program can use: {str(err).strip()}") from err
