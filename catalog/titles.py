"""MovieLens titles: "Matrix, The (1999)" is shown as "The Matrix", 1999."""

import re
import unicodedata

YEAR = re.compile(r"\s*\((\d{4})(?:[-\u2013](?:\d{4})?)?\)\s*$")  # a series may say (2007-) or (1975-1979)
# Articles that MovieLens moves to the end of a title, in the languages its titles come in. "Il" and "Lo" may also
# start a French or Spanish sentence, but never end one behind a comma.
ARTICLES = (
    "The|A|An|La|Le|Les|L'|Un|Une|El|Los|Las|Lo|Il|I|Gli|Der|Die|Das|Ein|Eine|Den|Det|De|Het|Een|En|Ett|Os|As|O|Um|Uma"
)
MOVED_ARTICLE = re.compile(rf"^(?P<rest>.+), (?P<article>{ARTICLES})$")
IN_BRACKETS = re.compile(r"\(([^()]+)\)")
MAX_TITLE = 300  # characters; reliability.md section 10


def split_title(title: str) -> tuple[str, int | None]:
    """Title as shown and year, or None where the title names no year."""
    title = unicodedata.normalize("NFC", title).strip()
    found = YEAR.search(title)
    name = title[: found.start()] if found else title
    return shown_title(name), int(found.group(1)) if found else None


def shown_title(name: str) -> str:
    """The title with its articles moved back, also inside brackets: "Hate (Haine, La)" -> "Hate (La Haine)"."""
    name = IN_BRACKETS.sub(lambda inner: f"({_article_first(inner.group(1).strip())})", name.strip())
    if not name.endswith(")"):
        return _article_first(name)
    head, bracket, tail = name.partition(" (")
    return _article_first(head) + bracket + tail


def search_text(title: str) -> str:
    """Title without case, accents and punctuation, words apart by one space."""
    plain = unicodedata.normalize("NFKD", title.casefold())
    kept = "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char))
    return " ".join(kept.split())


def imdb_id(number: str) -> str:
    """`tt` and at least seven digits, from the bare number of links.csv or a full id.

    Raises:
        ValueError: it is neither.
    """
    found = re.fullmatch(r"(?:tt)?([0-9]{1,12})", number.strip())
    if not found or int(found.group(1)) == 0:
        raise ValueError(f"{number[:40]!r} is not an IMDb id (tt and at least seven digits)")
    return f"tt{int(found.group(1)):07d}"


def _article_first(name: str) -> str:
    moved = MOVED_ARTICLE.match(name)
    if not moved:
        return name
    article = moved["article"]
    return f"{article}{moved['rest']}" if article.endswith("'") else f"{article} {moved['rest']}"
