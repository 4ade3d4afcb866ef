"""Options that several commands take."""

import math
from typing import Any

import click


class Debias(click.FloatRange):
    """A number from 0 to 1; unlike click's own range it refuses `nan`."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number given; the call ends with an explanation where it is none."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not a number from 0 to 1", param, ctx)
        return number
