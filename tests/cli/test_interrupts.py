"""Ctrl-C during long work: heard, said, and not lost in a callback from C."""

import ctypes
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from cli.interrupts import HEARD, heard_interrupts

CALLBACK = ctypes.CFUNCTYPE(None)
WAIT_S = 10  # far beyond what it takes; only a failing test waits so long


def pressed() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def _usual_handler() -> Iterator[None]:
    """Ctrl-C as Python has it; a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_is_said_once_and_raised(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), heard_interrupts():
        pressed()
    assert capsys.readouterr().err == f"{HEARD}\n"


def test_one_that_a_callback_from_c_swallows_comes_again(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), heard_interrupts():
        CALLBACK(pressed)()
        threading.Event().wait(WAIT_S)
    assert "Traceback" not in capsys.readouterr().err


def test_what_else_cannot_be_raised_is_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: shown.append(lost.exc_type))

    def broken() -> None:
        raise ZeroDivisionError

    with heard_interrupts():
        CALLBACK(broken)()
    assert shown == [ZeroDivisionError]


def test_afterwards_everything_is_as_before() -> None:
    hook = sys.unraisablehook
    with heard_interrupts():
        assert sys.unraisablehook is not hook
    assert sys.unraisablehook is hook
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heard_interrupts():
            pressed()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
