"""What the API cannot answer, and why: each message is one line and says the next step where there is one."""

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """Root of what is refused for a reason that the caller can do something about."""


class NotAuthorised(Refusal):
    """A token is missing or wrong; `challenge` is what WWW-Authenticate says."""

    def __init__(self, why: str, challenge: str) -> None:
        super().__init__(why)
        self.challenge = challenge


class NotEmbedded(Refusal):
    """The movie is known, but its poster is not embedded."""

    def __init__(self, movie_id: int, state: str, reason: str | None) -> None:
        why = f" ({reason})" if reason else ""
        super().__init__(f"movie {movie_id} is not embedded: its state is {state}{why}; see /movies/{movie_id}")
        self.movie_id, self.state, self.reason = movie_id, state, reason


class NotFailed(Refusal):
    """Only what has failed can be tried again."""

    def __init__(self, movie_id: int, state: str) -> None:
        super().__init__(
            f"movie {movie_id} has not failed: its state is {state}; POST /movies/{movie_id}/poster fetches another"
        )
        self.movie_id, self.state = movie_id, state


class NotRated(Refusal):
    """The movie is known, but nobody rated it."""

    def __init__(self, movie_id: int) -> None:
        super().__init__(f"movie {movie_id} has no ratings: ask with by=poster")
        self.movie_id = movie_id


class NotPublished(Refusal):
    """What was asked for exists, but the snapshot being served was made before it."""

    def __init__(self, movie_id: int, by: str, generation: int) -> None:
        self.movie_id, self.state, self.generation = movie_id, "embedded" if by == "poster" else "rated", generation
        step = "it comes with the next one" if by == "poster" else "posterity train, then rebuild, bring it in"
        super().__init__(f"movie {movie_id} is {self.state}, but not in snapshot {generation} by {by}: {step}")


class NotReady(Refusal):
    """The service cannot answer yet; `checks` says what is missing."""

    def __init__(self, why: str, checks: Mapping[str, Any]) -> None:
        super().__init__(why)
        self.checks = checks


class NoRatingsOf(Refusal):
    """A user is his ratings, and there are none."""

    def __init__(self, user_id: int) -> None:
        super().__init__(f"user {user_id} has rated nothing yet: POST /ratings takes ratings, and they count at once")
        self.user_id = user_id


class NoTaste(Refusal):
    """The user rated movies, but the snapshot has no rating vector of any of them."""

    def __init__(self, known_ratings: int, generation: int) -> None:
        none = "the one movie rated has no" if known_ratings == 1 else f"none of the {known_ratings} movies rated has a"
        super().__init__(f"{none} rating vector in snapshot {generation}: rate better known ones, or train and rebuild")
        self.known_ratings, self.generation = known_ratings, generation


class NoPredictions(Refusal):
    """The snapshot was published without what predictions, or a ranking by ratings, are made from."""

    def __init__(self, generation: int, missing: str) -> None:
        super().__init__(f"snapshot {generation} was published without {missing}: run posterity train, then rebuild")
        self.generation = generation
