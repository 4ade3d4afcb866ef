"""What became of the rows of a ratings file, while it is read and afterwards."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ratings.errors import BadFile, TooManyBadRows

MAX_BAD_SHARE = 0.01  # reliability.md section 10


class RejectedBecause(StrEnum):
    """Why a row was not used."""

    WRONG_COLUMNS = "wrong_columns"
    BAD_ID = "bad_id"
    BAD_RATING = "bad_rating"
    BAD_TIMESTAMP = "bad_timestamp"
    UNKNOWN_MOVIE = "unknown_movie"
    SUPERSEDED = "superseded"  # the same user rated the same movie later


HARMLESS = (RejectedBecause.UNKNOWN_MOVIE, RejectedBecause.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class ReadingReport:
    """What became of the rows: `rows == used + sum(rejected.values())`; one example per reason, with its line."""

    path: str
    rows: int
    used: int
    rejected: Mapping[str, int]
    examples: Mapping[str, str]


@dataclass(slots=True)
class Tally:
    """Counts while a file is read. `rows` are all rows of the file once it is read to its end."""

    rows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def reject(self, why: RejectedBecause, count: int, example: str) -> None:
        """Counts rows that are not used; the first example of a reason is kept."""
        if count:
            self.rejected[why] += count
            self.examples.setdefault(why, example)

    def supersede(self, count: int) -> None:
        """Counts ratings that gave way to a later one of the same pair."""
        self.reject(RejectedBecause.SUPERSEDED, count, "a later rating of the same movie by the same user counts")

    def report(self, path: Path) -> ReadingReport:
        """The counts as plain values: what was not rejected was used."""
        rejected = {str(why): count for why, count in self.rejected.items()}
        examples = {str(why): text for why, text in self.examples.items()}
        return ReadingReport(str(path), self.rows, self.rows - sum(rejected.values()), rejected, examples)

    def refuse_if_too_bad(self, path: Path) -> None:
        """Ends the reading of a file that is not worth it.

        Raises:
            BadFile: it has no rows. TooManyBadRows: more than 1 % of them are broken.
        """
        if self.rows == 0:
            raise BadFile(path, "it has no rows")
        bad = {why: count for why, count in self.rejected.items() if why not in HARMLESS}
        if sum(bad.values()) > max(1.0, MAX_BAD_SHARE * self.rows):
            raise TooManyBadRows(path, sum(bad.values()), self.rows, self.examples[next(iter(bad))])
