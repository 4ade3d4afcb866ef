"""The kinds of values a request may carry, each checked once and described in the OpenAPI document."""

import re
import time
import unicodedata
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from catalog.entries import MAX_ID
from catalog.titles import MAX_TITLE, imdb_id

MAX_K = 100  # neighbours of one answer
MAX_LIMIT = 200  # entries of one page
MAX_QUERY = 200  # characters of a search
MAX_GENRE = 50  # characters; the longest of MovieLens has 18
MAX_URL = 2048  # characters of an address
MAX_EXCLUDED = 500  # movies that one question may leave out: 5.5 kB of address, where servers take 8
FIRST_YEAR, LAST_YEAR = 1800, 2200
WEB_PORTS = (80, 443)  # all that workers connect to
LEAST_STARS, MOST_STARS = 0.5, 5.0  # MovieLens' scale
CLOCK_SKEW_S = 300  # as far as the clock of a client may be ahead of ours
DATE_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
ID_LIST = r"[0-9]{1,10}(,[0-9]{1,10})*"
MAX_GENRES = 20  # MovieLens' own movies have at most 10
# Control, surrogate, and line or paragraph separator: none belongs into one line of text.
FORBIDDEN_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")


def digits_only(value: Any) -> int:
    """The number that a query or path spells in ASCII digits.

    `int()` would also take Arabic digits, `1_0` and `+5`.

    Raises:
        ValueError: it is spelled in any other way.
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
        return int(value)
    raise ValueError("must be a whole number in plain digits")


def few_digits(value: Any) -> int:
    """The number that at most three ASCII digits spell.

    Raises:
        ValueError: it is spelled in any other way.
    """
    number = digits_only(value)
    if len(value) > 3:
        raise ValueError("must have at most three digits")
    return number


def four_digits(value: Any) -> int:
    """The year that at most four ASCII digits spell.

    Raises:
        ValueError: it is spelled in any other way.
    """
    number = digits_only(value)
    if len(value) > 4:
        raise ValueError("must be a year of four digits")
    return number


def plain_flag(value: Any) -> bool:
    """True or False as JSON spells them.

    Raises:
        ValueError: it is spelled in any other way.
    """
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return bool(value == "true")


def movie_ids_in(value: Any) -> tuple[int, ...]:
    """The ids of movies that a text names with commas between them, each once.

    Raises:
        ValueError: something else stands there, or too many.
    """
    if not isinstance(value, str) or not re.fullmatch(ID_LIST, value):
        raise ValueError("must be ids of movies with commas between them, such as 6,16,32")
    ids = tuple(dict.fromkeys(map(int, value.split(","))))
    if len(ids) > MAX_EXCLUDED:
        raise ValueError(f"must name at most {MAX_EXCLUDED} movies, not {len(ids)}")
    if not 1 <= min(ids) <= max(ids) <= MAX_ID:
        raise ValueError(f"must name movies by ids from 1 to {MAX_ID}")
    return ids


def plain_decimal(value: Any) -> float:
    """The number that a query spells as a plain decimal, such as 0.25.

    `float()` would also take NaN, 1e-3, ` 1` and Arabic digits.

    Raises:
        ValueError: it is spelled in any other way.
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9](\.[0-9]{1,9})?", value):
        return float(value)
    raise ValueError("must be a plain decimal number such as 0.25")


def past_moment(value: Any) -> datetime:
    """The moment that a text of RFC 3339 spells, with its offset from UTC; not before 1970 and not to come.

    A rating of the future would hold against all that are given until then.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str) or not re.fullmatch(DATE_TIME, value):
        raise ValueError("must be a date and time with its offset, such as 2026-11-24T18:30:00Z")
    try:
        seconds = (moment := datetime.fromisoformat(value.upper())).timestamp()
    except (ValueError, OverflowError) as err:
        raise ValueError("must be a date and time that exists") from err
    if not 0 <= seconds <= time.time() + CLOCK_SKEW_S:
        raise ValueError("must lie between 1970 and now")
    return moment


def one_line(value: str) -> str:
    """The text in NFC without spaces around it.

    Raises:
        ValueError: it is empty or holds a control character.
    """
    text = unicodedata.normalize("NFC", value).strip()
    if any(unicodedata.category(char) in FORBIDDEN_CATEGORIES for char in text):
        raise ValueError("must not hold control characters")
    if not text:
        raise ValueError("must not be empty")
    return text


def web_address(value: str) -> str:
    """The address of something on the web; whether it may be asked is another question.

    Raises:
        ValueError: it is not one.
    """
    parts = urlsplit(value)
    if re.search(r"[\x00-\x20\x7f-\x9f\\]", value) or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address of the form https://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    if parts.port not in (None, *WEB_PORTS):
        raise ValueError("must not name another port than 80 or 443")
    return value


def _genre(value: str) -> str:
    name = one_line(value)
    if "|" in name:
        raise ValueError("must not hold a |")
    return name


def _distinct(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _composed(value: Any) -> Any:
    return one_line(value) if isinstance(value, str) else value


def _search(value: str) -> str:
    return one_line(value) if value.strip(" ") else ""


# The order matters: with the range innermost the schema keeps its minimum and maximum.
MovieId = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(digits_only)]
UserId = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(digits_only)]
MinRatings = Annotated[int, Field(ge=0, le=MAX_ID), BeforeValidator(digits_only)]
Debias = Annotated[float, Field(ge=0, le=1), BeforeValidator(plain_decimal)]
Year = Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR), BeforeValidator(four_digits)]
Flag = Annotated[bool, BeforeValidator(plain_flag)]
MovieIds = Annotated[
    tuple[int, ...], BeforeValidator(movie_ids_in), WithJsonSchema({"type": "string", "pattern": f"^{ID_LIST}$"})
]
K = Annotated[int, Field(ge=1, le=MAX_K), BeforeValidator(few_digits)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(few_digits)]
JobId = Annotated[str, Field(pattern=r"^[0-9a-f]{1,32}$")]
JobCursor = Annotated[str, Field(pattern=r"^[0-9a-f]{0,32}$")]
Cursor = Annotated[str, Field(pattern=r"^([0-9]\.[0-9]{1,10}\.[0-9]{1,10})?$")]
Query = Annotated[str, Field(max_length=MAX_QUERY), AfterValidator(_search)]
GenreQuery = Annotated[str, Field(max_length=MAX_GENRE), AfterValidator(_search)]
GenreName = Annotated[str, Field(max_length=MAX_GENRE), AfterValidator(_genre)]

# In JSON a number must be written as a number: no true, no 5.0, no "5".
JsonId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
Stars = Annotated[float, Field(strict=True, ge=LEAST_STARS, le=MOST_STARS, allow_inf_nan=False)]
JsonMoment = Annotated[datetime, BeforeValidator(past_moment)]
JsonYear = Annotated[int, Field(strict=True, ge=FIRST_YEAR, le=LAST_YEAR)]
# NFC can make a text shorter or longer: the length holds for what is stored.
Title = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_TITLE), BeforeValidator(_composed)]
Genre = Annotated[str, Field(strict=True, max_length=MAX_GENRE), AfterValidator(_genre)]
Genres = Annotated[list[Genre], Field(max_length=MAX_GENRES), AfterValidator(_distinct)]
ImdbId = Annotated[str, Field(strict=True, max_length=14), AfterValidator(imdb_id)]
PosterUrl = Annotated[str, Field(strict=True, max_length=MAX_URL), AfterValidator(web_address)]
