"""What can go wrong with ratings; every message is one line and names the file, the line or the epoch."""


class RatingsError(Exception):
    """Root of the ratings' errors."""


class BadFile(RatingsError):
    """The file is missing or not what it should be."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}")


class TooManyBadRows(RatingsError):
    """More rows are broken than an honest file has; nothing was taken from it."""

    def __init__(self, path: object, count: int, rows: int, first: str) -> None:
        super().__init__(f"{path}: {count:,} of {rows:,} rows are broken (limit 1 %), the first at {first}")


class ImportRunning(RatingsError):
    """Another import writes into the same folder."""

    def __init__(self, folder: object) -> None:
        super().__init__(f"{folder}: another import is running; wait until it is done")


class NothingToFit(RatingsError):
    """There are too few ratings to learn from."""


class FitDiverged(RatingsError):
    """The error grew without bounds."""

    def __init__(self, epoch: int, learning_rate: float) -> None:
        why = f"the fit diverged in epoch {epoch} with learning rate {learning_rate:g}"
        super().__init__(f"{why}; try a tenth of it")


class ModelCorrupt(RatingsError):
    """A model folder is damaged; training again replaces it."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}; run posterity train again")


class UnknownUser(RatingsError):
    """The user has no ratings here."""

    def __init__(self, user_id: int) -> None:
        super().__init__(f"user {user_id} has no ratings")


class UnratedMovie(RatingsError):
    """The movie has no ratings here."""

    def __init__(self, movie_id: int) -> None:
        super().__init__(f"movie {movie_id} has no ratings")
