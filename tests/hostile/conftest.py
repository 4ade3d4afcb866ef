"""The small catalog, its snapshots and the client of the tests of the API, for tests that mean no good."""

from tests.api.conftest import (  # noqa: F401 - fixtures
    admin,
    app,
    catalog,
    client,
    item_side,
    poster_rows,
    publish,
    rating_rows,
    settings,
    stocked,
)
