"""`posterity` whose worker encodes with a toy instead of VGG16: real processes, real queues, no 5 s of TensorFlow.

Run: python -m tests.faults.toy_worker worker --kinds fetch,embed

`TOY_SECONDS` is how long a batch takes (0.05 by default). A picture whose upper left pixel is pure magenta ends the
process that encodes it with code 139, as a bug in a native library would.
"""

import os
import time

import numpy as np
from numpy.typing import NDArray

from tests.workers.toy_encoder import ToyEncoder
from workers import running, runtime

BATCH = 16
POISON = (255, 0, 255)


class SlowToy(ToyEncoder):
    """The toy with what a worker asks of an encoder."""

    device, batch = "cpu", BATCH

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if any(tuple(picture[0, 0]) == POISON for picture in pixels):
            os._exit(139)
        time.sleep(float(os.environ.get("TOY_SECONDS", "0.05")))
        return super().encode(pixels)


if __name__ == "__main__":
    from cli.main import main

    runtime.open_encoder = lambda settings: SlowToy()  # type: ignore[assignment,return-value]  # forked into children
    _demand = running._demand_usable
    running._demand_usable = lambda settings, kinds: _demand(settings, [kind for kind in kinds if kind != "embed"])
    main()
