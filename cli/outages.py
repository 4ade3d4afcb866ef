"""Words about poster sources that do not answer, for whoever watches."""

import time

from catalog.catalog import Catalog
from catalog.sources import Health


def outages(catalog: Catalog) -> str:
    """Says which source does not answer, why, and when it is asked again; empty when all do."""
    now = time.time()
    ill = [source for source in catalog.sources.all() if source.state != Health.WORKING]
    return "".join(f"; {source.why}, asked again in {max(0.0, (source.until or now) - now):.0f} s" for source in ill)
