"""What the API process must never load."""

import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
HEAVY = ["tensorflow", "keras", "posters", "ratings.sgd", "workers.tasks", "workers.runtime", "workers.train"]


def test_the_api_reaches_neither_tensorflow_nor_the_tasks() -> None:
    program = f"import sys, api.app; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
