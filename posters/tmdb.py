"""Posters of The Movie Database, by TMDB's own id of a movie or by its IMDb id."""

import re
import threading
import time

from posters.errors import PosterMissing, SourceTroubled
from posters.fetching import Limits
from posters.guard import SourceGuard
from posters.poster import PosterImage, PosterRequest, Provenance, poster_image
from posters.tmdb_answers import POSTER_PATH, ImageBase, TmdbMovie, best, found_entries, image_base, movie_entry
from posters.tmdb_client import TmdbClient

# What TMDB's terms demand where its data are shown, word by word, and for how long they may be kept (six months).
ATTRIBUTION = "This product uses the TMDB API but is not endorsed or certified by TMDB."
LIFETIME_S = 180 * 86_400.0
CONFIGURATION_S = 86_400.0  # TMDB asks to keep it for some days
# So often, and not after more than these seconds, a picture is asked for at once: one time-out is 5 s, the deadline 15.
PICTURE_TRIES, PICTURE_AGAIN_S = 3, 6.0
IMDB_ID = re.compile(r"tt[0-9]{7,12}")


class TmdbSource:
    """Asks TMDB for a movie, then its picture host for the poster, 342 pixels wide.

    Args:
        token: the API Read Access Token of a TMDB account.
        api_url: such as `https://api.themoviedb.org/3`.
        image_url: where pictures lie, such as `https://image.tmdb.org/t/p`; empty: where TMDB says.
        guard: keeps the budget of requests.
        limits: of the download of one picture.
    """

    name = "tmdb"
    remembers_misses = True

    def __init__(
        self, token: str, api_url: str, image_url: str, guard: SourceGuard, limits: Limits | None = None
    ) -> None:
        self._client = TmdbClient(token, api_url, guard, limits or Limits())
        self._secure = api_url.lower().startswith("https:")
        self._images, self._images_until = ImageBase(image_url.rstrip("/")), float("inf")
        if not image_url:
            self._images_until = 0.0
        self._asking = threading.Lock()

    def fetch(self, movie: PosterRequest) -> PosterImage:
        """The poster that TMDB shows for this movie; its address is the origin.

        Raises:
            PosterMissing: TMDB does not know the movie, or has no poster of it, or neither id is known.
            SourceTroubled, SourceWaiting: TMDB cannot be asked, which says nothing about the movie.
            PosterUnavailable, PosterRejected: as PosterSource says.
        """
        path = self._poster_path(movie)
        url = self._image_base().picture(path)
        content = self._picture(url)
        if content is None:
            raise self._missing(movie, f"the picture that TMDB names is not there: {url}")
        return poster_image(content, Provenance(self.name, url, attribution=ATTRIBUTION, lifetime_s=LIFETIME_S))

    def _picture(self, url: str) -> bytes | None:
        """Asks again where TMDB stumbles: going back to the queue would cost the look-up a second time."""
        began, tries = time.monotonic(), 0
        while True:
            try:
                return self._client.picture(url)
            except SourceTroubled as err:
                tries, pause_s = tries + 1, err.retry_after_s or 0.0
                if tries == PICTURE_TRIES or time.monotonic() - began + pause_s > PICTURE_AGAIN_S:
                    raise
                time.sleep(pause_s)

    def _poster_path(self, wanted: PosterRequest) -> str:
        path = self._entry(wanted).poster_path
        if path is None:
            raise self._missing(wanted, "TMDB has no poster of it")
        if not POSTER_PATH.fullmatch(path):
            raise self._missing(wanted, f"TMDB names a picture that is none: {path[:80]!a}")
        return path

    def _entry(self, wanted: PosterRequest) -> TmdbMovie:
        asked = []
        if wanted.tmdb_id is not None:
            asked.append(f"TMDB id {wanted.tmdb_id}")
            entry = self._client.api(f"/movie/{int(wanted.tmdb_id)}", movie_entry)
            if entry is not None:
                return entry
        if wanted.imdb_id is not None and IMDB_ID.fullmatch(wanted.imdb_id):
            asked.append(f"IMDb id {wanted.imdb_id}")
            entries = self._client.api(f"/find/{wanted.imdb_id}?external_source=imdb_id", found_entries)
            if entries:
                return best(entries, wanted)
        if not asked:
            raise self._missing(wanted, "its TMDB or IMDb id is not known")
        raise self._missing(wanted, f"TMDB knows no {' and no '.join(asked)}")

    def _image_base(self) -> ImageBase:
        """Asked for once, by one thread, and again after a day."""
        with self._asking:
            if time.monotonic() >= self._images_until:
                base = self._client.api("/configuration", lambda answer: image_base(answer, self._secure))
                self._images, self._images_until = base or ImageBase(), time.monotonic() + CONFIGURATION_S
            return self._images

    def _missing(self, wanted: PosterRequest, why: str) -> PosterMissing:
        return PosterMissing(self.name, f"movie {wanted.movie_id}: {why}")
