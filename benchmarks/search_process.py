"""A process that opens a snapshot as the API does and answers questions: what memory of its own does that take?

Run: python -m benchmarks.search_process INDEX_FOLDER QUESTIONS.npy
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.search_machine import anonymous_mib
from index.live import LiveSnapshot


def main() -> None:
    """Prints RssAnon in MiB before the snapshot is opened and after the questions."""
    root, questions = Path(sys.argv[1]), np.load(sys.argv[2], mmap_mode="r")
    before = anonymous_mib()  # interpreter and libraries are there already
    space = LiveSnapshot(root).get().space("poster")
    for question in questions:
        space.search_vector(question, 10)
    told = {"before_mib": before, "after_mib": anonymous_mib(), "questions": len(questions)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
