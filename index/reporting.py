"""How long work in this room says how far it is."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # phase, done, of
