"""The form on a movie's page that says among which movies to look; it works without JavaScript."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from api.fields import FIRST_YEAR, LAST_YEAR
from api.neighbours import ANY
from api.shelf_view import Titles, Wish
from catalog.entries import MAX_ID


@dataclass(frozen=True, slots=True)
class Filters:
    """What the form says.

    Attributes:
        wish: as it is asked for. genres: what can be chosen.
    """

    wish: Wish
    genres: tuple[str, ...]

    @property
    def any_set(self) -> bool:
        """Whether something is filtered."""
        return self.wish != ANY

    @property
    def no_such_years(self) -> bool:
        """Whether the years exclude each other."""
        first, last = self.wish.year_from, self.wish.year_to
        return first is not None and last is not None and first > last


def filters_in(arguments: Mapping[str, str], shelf: Titles) -> Filters:
    """The filters in an address; what cannot be one is taken as not given, since people edit addresses."""
    genres = shelf.genres()
    asked = arguments.get("genre", "").casefold()
    wish = Wish(
        genre=next((name for name in genres if name.casefold() == asked), None),
        year_from=_number(arguments.get("year_from", ""), FIRST_YEAR, LAST_YEAR),
        year_to=_number(arguments.get("year_to", ""), FIRST_YEAR, LAST_YEAR),
        min_ratings=_number(arguments.get("min_ratings", ""), 1, MAX_ID),
    )
    return Filters(wish, genres)


def _number(text: str, least: int, most: int) -> int | None:
    digits = re.fullmatch(r" *([0-9]{1,10}) *", text)
    if digits is None:
        return None
    number = int(digits[1])
    return number if least <= number <= most else None
