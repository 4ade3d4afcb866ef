"""What can go wrong with the catalog; the messages are one line and name the row or the file."""

from collections.abc import Sequence

SHOWN = 20  # ids named in one message


class CatalogError(Exception):
    """Root of the catalog's errors."""


class UnknownMovie(CatalogError):
    """No movie has this id."""

    def __init__(self, movie_id: int) -> None:
        super().__init__(
            f"movie {movie_id} is not in the catalog; /movies?q=TITLE finds ids, and so does posterity similar"
        )
        self.movie_id = movie_id


class UnknownMovies(CatalogError):
    """Some of the movies named have no entry; `movie_ids` are these."""

    def __init__(self, movie_ids: Sequence[int]) -> None:
        shown = ", ".join(map(str, movie_ids[:SHOWN])) + (", ..." if len(movie_ids) > SHOWN else "")
        what = f"movie {shown} is" if len(movie_ids) == 1 else f"movies {shown} are"
        super().__init__(f"{what} not in the catalog; nothing was stored: POST /movies first, or leave them out")
        self.movie_ids = list(movie_ids)


class NoPoster(CatalogError):
    """The movie is known, but no poster of it is stored."""

    def __init__(self, movie_id: int, state: str) -> None:
        super().__init__(f"movie {movie_id} has no poster yet: its state is {state}")
        self.movie_id, self.state = movie_id, state


class UnknownJob(CatalogError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} does not exist")
        self.job_id = job_id


class JobRunning(CatalogError):
    """A job of this kind is already waiting or running."""

    def __init__(self, kind: str, job_id: str) -> None:
        super().__init__(f"a {kind} is already waiting or running: job {job_id}")
        self.kind, self.job_id = kind, job_id


class ConflictingMovie(CatalogError):
    """The ids given for one movie belong to different movies."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(f"movie {position} of the request: {why}")
        self.position, self.why = position, why


class LeaseLost(CatalogError):
    """The row belongs to another worker by now; what was computed is dropped."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: the lease ran out and another worker took it")


class CatalogBusy(CatalogError):
    """The database did not answer in time; trying again is safe."""


class BadDatabaseUrl(CatalogError):
    """The database URL cannot be used, or its driver or folder is missing; the message does not repeat the URL."""


class BadSchema(CatalogError):
    """The tables are not those of this version and cannot be made so."""


class BadFile(CatalogError):
    """A file of an import is missing, foreign or too broken to use."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}")
