"""A supervised process ends with its supervisor, however that one dies."""

import os
import signal
import threading


def end_with_parent() -> None:
    """Sends this process SIGTERM when standard input closes: the supervisor holds its other end.

    The pipe is read by its number, and standard input becomes /dev/null: a thread waiting inside `sys.stdin` would
    hold a lock that children forked meanwhile need when they close theirs.
    """
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait_for_the_end() -> None:
        while os.read(pipe, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_the_end, name="lifeline", daemon=True).start()
