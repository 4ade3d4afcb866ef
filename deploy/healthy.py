"""Health check of a container: `python deploy/healthy.py api|worker` ends with 0 when the process beside it works."""

import socket
import sys
import urllib.request
from collections.abc import Callable

from config.loading import load_settings
from config.settings import Settings

ANSWER_WITHIN_S = 4.0  # less than the time-out of the HEALTHCHECK in the Dockerfile


def api_problem(settings: Settings) -> str | None:
    """What is wrong with the API of this container, or None when `/livez` answers 200."""
    address = f"http://127.0.0.1:{settings.port}/livez"
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_WITHIN_S):
            return None
    except OSError as err:
        return f"{address}: {err}"


def worker_problem(settings: Settings) -> str | None:
    """What is wrong with the worker of this container, or None when the catalog has lately seen it."""
    from catalog.catalog import Catalog
    from catalog.errors import CatalogError
    from catalog.presence import ALIVE_WITHIN_S

    here = socket.gethostname()
    catalog = Catalog(settings.catalog_url, settings.data_dir)
    try:
        seen = catalog.presence.alive()
    except CatalogError as err:
        return str(err)
    finally:
        catalog.close()
    found = any(worker.worker_id.endswith(f"@{here}") for worker in seen)
    return None if found else f"no worker of {here} was seen in the last {ALIVE_WITHIN_S:g} s"


CHECKS: dict[str, Callable[[Settings], str | None]] = {"api": api_problem, "worker": worker_problem}


def main() -> None:
    """Runs the check that is named on the command line."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in CHECKS:
        sys.exit("usage: healthy.py api|worker")
    problem = CHECKS[name](load_settings())
    if problem:
        sys.exit(f"unhealthy {name}: {problem}")


if __name__ == "__main__":
    main()
