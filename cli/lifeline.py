"""A supervised process ends with its supervisor, however that one dies."""

import os
import signal
import sys
import threading


def end_with_parent() -> None:
    """Sends this process SIGTERM when standard input closes: the supervisor holds its other end."""

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_the_end, name="lifeline", daemon=True).start()
