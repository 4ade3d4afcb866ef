"""A process that looks into hostile pictures as a worker does, one after the other, and says what each one cost.

Run: python -m tests.hostile.image_child FOLDER, with the files 1.jpg, 2.jpg, .. in it. A line with the name before each
file, a line of JSON after it, so that whoever reads knows which file was the end of this process.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from index.errors import InvalidVector
from index.records import decode_record, encode_record
from posters.decoding import pixels
from posters.errors import PosterRejected
from posters.poster import Provenance, poster_image
from tests.workers.toy_encoder import ToyEncoder


def outcome(content: bytes, name: str) -> str:
    """The reason of a refusal, "" for a picture whose vector has length 1, or what went wrong here."""
    try:
        poster_image(content, Provenance("hostile", name))  # as the fetching does,
        vector = decode_record(encode_record(ToyEncoder.vector(pixels(content, name))))  # and then the embedding
    except PosterRejected as err:
        return str(err.reason) if len(str(err).splitlines()) == 1 else f"more than one line: {err}"
    except InvalidVector as err:
        return f"no vector: {err}"
    except Exception as err:  # noqa: BLE001 (anything else is what is looked for)
        return f"unforeseen {type(err).__name__}: {err}"
    unit = vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64))
    return "" if abs(float(unit @ unit) - 1.0) < 1e-9 else "no unit vector"


def memory_bytes(field: str) -> int:
    """VmRSS: now; VmHWM: most since the last `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): VmHWM starts anew from VmRSS


def looked_into(content: bytes, name: str) -> dict[str, Any]:
    forget_peak()
    before, began = memory_bytes("VmRSS"), time.monotonic()
    found = outcome(content, name)
    seconds = time.monotonic() - began
    return {"outcome": found, "seconds": seconds, "grown": memory_bytes("VmHWM") - before}


def main() -> None:
    folder = Path(sys.argv[1])
    warnings.simplefilter("ignore")  # Pillow warns of broken EXIF
    for number in range(1, len(list(folder.iterdir())) + 1):
        path = folder / f"{number}.jpg"
        print(path.name, flush=True)
        print(json.dumps(looked_into(path.read_bytes(), path.name)), flush=True)


if __name__ == "__main__":
    main()
