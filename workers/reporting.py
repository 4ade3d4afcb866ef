"""How long work says how far it is."""

from collections.abc import Callable

Report = Callable[[str, int, int], None]  # what is being done, how much of it is done, of how much in all
