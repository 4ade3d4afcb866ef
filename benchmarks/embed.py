"""Everything that is claimed about encoding posters, beside the bar it is held to.

Ours and the article's one-by-one loop are taken in turns in one run, as medians; so are the whole way from a local HTTP
server to stored records and encoding alone. Without `--posters` the pictures are title cards, saved as JPEG of the size
that TMDB hands out. Runs unchanged on a GPU machine, where the bars for two CPU cores do not count.

Run: python -m benchmarks.embed [--quick] [--json] [--posters DIR] [--only WORD]     (about 8 minutes on 2 cores)
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bars import Row, show
from benchmarks.embed_encode import encode_row
from benchmarks.embed_pictures import pictures
from benchmarks.embed_pipeline import Trial, pipeline_row
from workers.quiet import quiet_stderr

if TYPE_CHECKING:
    from posters.vgg16 import PosterEncoder

ROUNDS, POSTERS, WARM_UP = 5, 320, 96
QUICK_ROUNDS, QUICK_POSTERS = 1, 96
POSTERS_PER_BATCH = 30  # so that a GPU is measured for longer than its start takes
PARTS = ("encode", "pipeline")
PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "SQLAlchemy", "celery", "urllib3")


def main() -> None:
    """Prints the table or the JSON; exit code 1 when a row falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round; never counts as a bar met")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--posters", type=Path, metavar="DIR", help="a folder of pictures; else title cards")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; may be repeated")
    given = parser.parse_args()
    if given.posters and not given.posters.is_dir():
        parser.error(f"there is no folder {given.posters}")
    rows = list(measured(given.only or PARTS, given.posters, given.quick))
    sys.exit(show("Encoding posters", rows, given.json, PACKAGES))


def measured(words: Iterable[str], folder: Path | None, quick: bool) -> Iterator[Row]:
    """The rows, in the order of the words."""
    contents, encoder = pictures(folder), _encoder()
    for word in words:
        print(f"measuring {word} ...", file=sys.stderr)
        row = parts(contents, folder, encoder, quick)[word]()
        yield row.as_quick() if quick else row


def parts(
    contents: list[bytes], folder: Path | None, encoder: "PosterEncoder", quick: bool
) -> dict[str, Callable[[], Row]]:
    """The rows by a word each."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    trial = Trial(rounds, QUICK_POSTERS if quick else max(POSTERS, POSTERS_PER_BATCH * encoder.batch), WARM_UP)
    return {
        "encode": lambda: encode_row(contents, encoder, rounds),
        "pipeline": lambda: pipeline_row(contents, folder, encoder, trial),
    }


def _encoder() -> "PosterEncoder":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        from posters.vgg16 import PosterEncoder

        return PosterEncoder()


if __name__ == "__main__":
    main()
