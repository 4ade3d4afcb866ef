import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import importlib, pathlib, sys
names = sorted(path.stem for path in pathlib.Path("posters").glob("*.py"))
for name in names:
    if name not in ("gpu_network", "__init__"):
        importlib.import_module(f"posters.{name}")
heavy = {"tensorflow", "keras"} & set(sys.modules)
rooms = {"api", "catalog", "cli", "config", "index", "ratings", "workers"}
ours = {name.partition(".")[0] for name in sys.modules} & rooms
print(len(names), sorted(heavy | ours))
"""


def test_every_module_but_that_of_the_gpu_leaves_tensorflow_and_the_other_rooms_alone() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    count, found = ran.stdout.split(maxsplit=1)
    assert int(count) > 10
    assert found.strip() == "[]"
