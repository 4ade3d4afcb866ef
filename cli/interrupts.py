"""Ctrl-C during long work that keeps what it has: answered at once with a line, and never lost on the way."""

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

AGAIN_S = 0.05  # until a Ctrl-C that was swallowed is sent again: the call that swallowed it is over by then
HEARD = "stopping, with what is learned so far; Ctrl-C again cuts the step in hand short"


@contextmanager
def heard_interrupts() -> Iterator[None]:
    """Says that Ctrl-C was heard and raises KeyboardInterrupt, even where the moment swallows exceptions.

    While numba loads compiled code, Python runs inside a callback from C: what is raised there is printed and gone. It
    is raised again a moment later. Whoever set a handler of his own, or ignores Ctrl-C, keeps that.
    """
    hook, timers = sys.unraisablehook, list[threading.Timer]()

    def send_again(lost: "sys.UnraisableHookArgs") -> None:
        if lost.exc_type is not KeyboardInterrupt:
            hook(lost)
            return
        timers.append(threading.Timer(AGAIN_S, _thread.interrupt_main))
        timers[-1].daemon = True
        timers[-1].start()

    handler = signal.getsignal(signal.SIGINT)
    ours = handler is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, _hear)
    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for timer in timers:
            timer.cancel()
        if ours:
            signal.signal(signal.SIGINT, handler)


def _hear(_signal: int, _frame: FrameType | None) -> None:
    click.echo(HEARD, err=True)
    raise KeyboardInterrupt
