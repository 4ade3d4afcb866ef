"""`posterity` whose worker encodes with a toy instead of VGG16: real processes, real queues, no 5 s of TensorFlow.

Run: python -m tests.faults.toy_worker worker --kinds fetch,embed

`TOY_SECONDS` is how long a batch of 16 takes (0.05 by default), one poster a sixteenth of that. A picture whose upper
left pixel is POISON ends the process that encodes it with code 139, as a bug in a native library would; one with EATER
takes memory until the process is killed, as the kernel does it. `TOY_DEATHS` names a file that gets the number of
pictures in hand at each such death, `TOY_TASKS` one for the kind and message of each task that begins, and
`TOY_VISIBILITY_S` is how long a message may be in hand before Redis hands it out again.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
from celery import current_task
from numpy.typing import NDArray

from tests.workers.toy_encoder import ToyEncoder
from workers import app, running, runtime

BATCH = 16
POISON, EATER = (255, 0, 255), (0, 255, 255)
EATEN_BYTES, BITE_BYTES = 256 << 20, 16 << 20


class SlowToy(ToyEncoder):
    """The toy with what a worker asks of an encoder."""

    device, batch = "cpu", BATCH

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        colours = {tuple(picture[0, 0]) for picture in pixels}
        if colours & {POISON, EATER}:
            _note("TOY_DEATHS", str(len(pixels)))
        if POISON in colours:
            os._exit(139)
        if EATER in colours:
            _eat()
        time.sleep(float(os.environ.get("TOY_SECONDS", "0.05")) * len(pixels) / BATCH)
        return super().encode(pixels)


def _eat() -> None:
    """Takes memory, really; at the limit comes what the kernel does to the greediest when none is left."""
    eaten = [np.ones(BITE_BYTES, np.uint8) for _ in range(EATEN_BYTES // BITE_BYTES)]
    os.kill(os.getpid(), signal.SIGKILL)
    del eaten


def _note(variable: str, line: str) -> None:
    """Appends a line to the file that the variable names, if it names one."""
    path = os.environ.get(variable)
    if path is not None:
        with Path(path).open("a") as file:
            file.write(f"{line}\n")


def _note_tasks() -> None:
    """Writes down every task that a child begins."""
    for kind in ("fetch", "embed"):
        task = getattr(runtime.Runtime, kind)

        def noted(self: runtime.Runtime, task: object = task, kind: str = kind) -> None:
            _note("TOY_TASKS", f"{kind} {current_task.request.id}")
            task(self)  # type: ignore[operator]

        setattr(runtime.Runtime, kind, noted)


def _hand_out_again_soon() -> None:
    """Redis gives a message to the next worker while the first one is at it."""
    seconds = os.environ.get("TOY_VISIBILITY_S")
    if seconds is not None:
        options = app._redis_options()
        changed = {"visibility_timeout": float(seconds), "unacked_restore_interval": 1}
        app._redis_options = lambda: {**options, **changed}


if __name__ == "__main__":
    from cli.main import main

    runtime.open_encoder = lambda settings: SlowToy()  # type: ignore[assignment,return-value]  # forked into children
    _demand = running._demand_usable
    running._demand_usable = lambda settings, kinds: _demand(settings, [kind for kind in kinds if kind != "embed"])
    _note_tasks()
    _hand_out_again_soon()
    main()
