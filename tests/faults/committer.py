"""Commits movies to a catalog and says so after each: `python -m tests.faults.committer DATA_DIR COMMITS`."""

import os
import sys
from pathlib import Path

from catalog.catalog import Catalog
from catalog.entries import NewMovie

EACH = 3  # movies of one commit


def main(data_dir: Path, commits: int) -> None:
    catalog = Catalog(f"sqlite:///{data_dir / 'catalog.db'}", data_dir)
    os.write(1, b"acknowledged 0\n")
    for number in range(1, commits + 1):
        catalog.add([NewMovie(f"Movie {number}.{i}", EACH * number + i) for i in range(EACH)])
        os.write(1, b"acknowledged %d\n" % number)
    catalog.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
