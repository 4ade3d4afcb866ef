"""What the routes of one app share: the catalog, users' histories, the view of movies and snapshot, the bell."""

from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import cast

from flask import Flask, Response, current_app, g, request

from api.counting import PosterCounts
from api.following import Follower, View
from api.histories import Histories
from catalog.catalog import Catalog
from index.errors import IndexNotReady
from index.live import LiveSnapshot
from index.snapshot import Snapshot
from workers.enqueue import Bell

EXTENSION = "posterity"
CHANGING = ("POST", "PATCH", "DELETE")


@dataclass(slots=True)
class Services:
    """One app's services; `watch` follows the catalog and the published snapshots from the first request on."""

    catalog: Catalog
    live: LiveSnapshot
    bell: Bell
    broker_url: str
    index_dir: Path
    poster_hosts: frozenset[str] = frozenset()
    counts: PosterCounts = field(init=False)
    histories: Histories = field(init=False)
    follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self.counts = PosterCounts(self.catalog)
        self.histories = Histories(self.catalog)
        self.follower = Follower(self.catalog, self.live)

    def watch(self) -> None:
        """Starts to follow the catalog and what is published, once in each process: a fork leaves threads behind."""
        self.follower.watch()

    def close(self) -> None:
        """Ends the following and closes the catalog; for tests and for programs that outlive their app."""
        self.follower.close()
        self.live.close()
        self.catalog.close()


def install(app: Flask, services: Services) -> None:
    """Hands the services to the routes of this app, and each request one snapshot from its start to its end."""
    app.extensions[EXTENSION] = services
    app.before_request(_take_view)
    app.after_request(_notice)


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, current_app.extensions[EXTENSION])


def catalog() -> Catalog:
    """The catalog of the app that answers this request."""
    return services().catalog


def view() -> View:
    """The movies and the snapshot that this request sees."""
    if "view" not in g:
        g.view = services().follower.view()
    return cast(View, g.view)


def served() -> Snapshot | None:
    """The snapshot that this request sees, or None before the first one."""
    return view().snapshot if "view" in g else None


def snapshot() -> Snapshot:
    """The snapshot that this request sees, with what was embedded and without what was deleted since.

    Raises:
        IndexNotReady: none is published yet.
    """
    if view().snapshot is None:
        services().live.get()  # published since this request began, or an error that says why there is none
        renew_view()
    found = view().snapshot
    if found is None:
        raise IndexNotReady(services().index_dir, "it was published a moment ago: ask again")
    return found


def renew_view() -> None:
    """This request sees from now on what is there now: its headers must name it, too."""
    follower = services().follower
    follower.notice()  # waits for whoever looks at this moment: what they find is what this request wants
    g.view = follower.view()


def _take_view() -> None:
    if request.path == "/livez":
        return  # must answer while the first snapshot is still being read from disk
    here = services()
    here.watch()
    g.view = here.follower.view()


def _notice(response: Response) -> Response:
    """Who changes a movie finds it changed by the next request that this process answers."""
    done = response.status_code < HTTPStatus.BAD_REQUEST
    if done and request.method in CHANGING and request.path.startswith("/movies"):
        services().follower.notice()
    return response
