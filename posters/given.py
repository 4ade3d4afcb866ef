"""Posters at addresses that people handed in with a movie: only where that is allowed, and never into our network."""

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urljoin

import urllib3

from posters.addresses import NAME, GivenAddress, canonical_host, demand_public, given_address, refused, resolve
from posters.errors import (
    NoAnswer,
    PosterMissing,
    PosterRejected,
    PosterUnavailable,
    RejectReason,
    TooLong,
    TransferFailed,
)
from posters.fetching import Answer, Limits, ask
from posters.poster import PosterImage, PosterRequest, Provenance, poster_image
from posters.timed_http import Deadline, TimedPool, TimedTlsPool

MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
ADDRESSES_TRIED = 3  # of one host, one after the other
OK, GONE = 200, (404, 410)

Resolve = Callable[[str, int], Sequence[str]]
Dial = Callable[[GivenAddress, str], urllib3.HTTPConnectionPool]


def dial(place: GivenAddress, address: str) -> urllib3.HTTPConnectionPool:
    """A connection to be made to this very address, with the certificate of the host it belongs to."""
    if place.scheme == "https":
        return TimedTlsPool(address, place.port, server_hostname=place.host, assert_hostname=place.host)
    return TimedPool(address, place.port)


class GivenSource:
    """Fetches the `poster_url` of a movie.

    A host's name is looked up once; what is found is checked, and connected to without looking again, so that a name
    cannot change its meaning in between. Redirects are followed by hand, and checked like the first address.

    Args:
        hosts: that may be asked; empty refuses every address.
        limits: of the whole download.
        resolver: finds the addresses of a host.
        dialler: makes ready to connect to one of them.
    """

    name = NAME
    remembers_misses = False

    def __init__(
        self, hosts: Iterable[str], limits: Limits | None = None, resolver: Resolve = resolve, dialler: Dial = dial
    ) -> None:
        self._hosts = frozenset(filter(None, map(canonical_host, hosts)))
        self._limits, self._resolve, self._dial = limits or Limits(), resolver, dialler

    def fetch(self, movie: PosterRequest) -> PosterImage:
        """The picture at the movie's `poster_url`, which is the origin.

        Raises:
            PosterMissing: the movie has no such address (the error then says nothing), or nothing is there.
            PosterUnavailable: its host does not answer, or not properly.
            PosterRejected: the address may not be asked (ADDRESS_REFUSED), or the picture is none.
        """
        if movie.poster_url is None:
            raise PosterMissing(self.name, "")
        place, deadline = given_address(movie.poster_url, self._hosts), Deadline(self._limits.deadline_s)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(place, movie, deadline)
            if isinstance(answer, bytes):
                return poster_image(answer, Provenance(self.name, movie.poster_url))
            place = answer
        raise refused()

    def _ask(self, place: GivenAddress, movie: PosterRequest, deadline: Deadline) -> bytes | GivenAddress:
        """The bytes there, or where to go on."""
        why = ""
        for address in self._addresses(place, movie)[:ADDRESSES_TRIED]:
            try:
                with (
                    self._dial(place, address) as pool,
                    ask(pool, place.target, {"Host": place.authority}, self._limits, deadline) as answer,
                ):
                    return self._read(answer, place, movie)
            except NoAnswer as err:
                why = err.why
            except TooLong as err:
                raise PosterRejected(RejectReason.IMAGE_TOO_LARGE, f"{self.name}:{movie.poster_url}", err.why) from err
            except TransferFailed as err:
                raise self._unavailable(movie, err.why) from err
        raise self._unavailable(movie, why)

    def _addresses(self, place: GivenAddress, movie: PosterRequest) -> Sequence[str]:
        try:
            addresses = self._resolve(place.host, place.port)
        except OSError as err:
            raise self._unavailable(movie, "the name of its host cannot be resolved") from err
        except UnicodeError as err:
            raise refused() from err
        demand_public(addresses)
        return addresses

    def _read(self, answer: Answer, place: GivenAddress, movie: PosterRequest) -> bytes | GivenAddress:
        if answer.status == OK:
            return answer.read()
        if answer.status in GONE:
            raise PosterMissing(self.name, f"movie {movie.movie_id}: nothing is at {movie.poster_url}")
        target = answer.header("Location")
        if answer.status not in REDIRECTS or not target:
            raise self._unavailable(movie, f"its host answered {answer.status}")
        try:
            return given_address(urljoin(place.url, target), self._hosts)
        except ValueError as err:  # of urljoin, on brackets that hold no address
            raise refused() from err

    def _unavailable(self, movie: PosterRequest, why: str) -> PosterUnavailable:
        return PosterUnavailable(self.name, f"movie {movie.movie_id}: {why}: {movie.poster_url}")
