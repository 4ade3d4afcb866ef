"""Settings are chosen on a validation split of the training side; what is held out for the report stays unseen."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ratings.errors import RatingsError
from ratings.matrix import RatingsMatrix
from ratings.splits import Split

Fitted = TypeVar("Fitted")
HoldOut = Callable[[RatingsMatrix, int], Split]  # ratings and a seed to a split of them
Progress = Callable[[str, int, int], None]  # what, fits done, fits in all


# The generic ones have no slots: on Python 3.11 `Setting[X](...)` then fails.
@dataclass(frozen=True)
class Setting(Generic[Fitted]):
    """One way to fit a method; `words` say in the table how."""

    words: str
    fit: Callable[[RatingsMatrix], Fitted]


@dataclass(frozen=True)
class Method(Generic[Fitted]):
    """A method by name.

    Attributes:
        settings: to choose from, one at least, the default first.
        vectors: what an inner-product index would hold of a fitted one, float32 (n_movies, d), so that neighbours can
            be measured; None where movies have none.
        debias: how neighbours are ranked: `q . v_i / |v_i|^debias`.
    """

    name: str
    settings: tuple[Setting[Fitted], ...]
    vectors: Callable[[Fitted], NDArray[np.float32]] | None = None
    debias: float = 0.0

    def first(self) -> "Method[Fitted]":
        """The same with its default setting only."""
        return replace(self, settings=self.settings[:1])

    @property
    def fits(self) -> int:
        """How often it is fitted in all: once for each setting where there is a choice, and once for the report."""
        return 1 + (len(self.settings) if len(self.settings) > 1 else 0)


@dataclass(frozen=True)
class Chosen(Generic[Fitted]):
    """A method fitted to the whole training side, with the setting that was best on validation.

    Attributes:
        tried: settings that were compared. seconds: of the last fit alone. choosing_seconds: of all before it.
    """

    method: str
    setting: str
    fitted: Fitted
    tried: int
    seconds: float
    choosing_seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A method that could not be measured, and why, in one line."""

    method: str
    why: str


class Fits:
    """Counts fits and tells; `of` is how many there will be."""

    def __init__(self, of: int, told: Progress | None) -> None:
        self._of, self._told, self._done = of, told, 0

    def next(self, what: str) -> None:
        """Tells what is fitted now, then counts it."""
        if self._told is not None:
            self._told(what, self._done, self._of)
        self._done += 1

    @contextmanager
    def of_method(self, count: int) -> Iterator[None]:
        """Counts so many in the end, even where the method fails before."""
        end = self._done + count
        try:
            yield
        finally:
            self._done = end


class Choosing:
    """Chooses and fits one method after the other, telling how far it is.

    Args:
        train: what may be learned from. hold_out, seed: how validation ratings are parted from it; every method is
            judged on the same ones.
        progress: how far it is, and how many fits there will be.
    """

    def __init__(self, train: RatingsMatrix, hold_out: HoldOut, seed: int, progress: Fits | None = None) -> None:
        self._train, self._validation = train, hold_out(train, seed)
        self._progress = progress or Fits(0, None)

    def chosen(self, method: Method[Fitted], loss: Callable[[Fitted, Split], float]) -> Chosen[Fitted]:
        """The method with its best setting: the one with the least loss on validation, the first among equals.

        A setting that cannot be fitted is passed over while another can.

        Raises:
            RatingsError: no setting can be fitted, the last one's reason; or the best one not to the whole.
        """
        began = time.perf_counter()
        with self._progress.of_method(method.fits):
            best = self.best(method, loss)
            fitting = time.perf_counter()
            fitted = self._fitted(method, best, self._train)
        return Chosen(
            method.name, best.words, fitted, len(method.settings), time.perf_counter() - fitting, fitting - began
        )

    def best(self, method: Method[Fitted], loss: Callable[[Fitted, Split], float]) -> Setting[Fitted]:
        """The setting with the least loss on validation, the first among equals; the only one where there is one.

        Raises:
            RatingsError: none of them can be fitted; the last one's reason.
        """
        if len(method.settings) == 1:
            return method.settings[0]
        losses: list[tuple[float, Setting[Fitted]]] = []
        for setting in method.settings:
            try:
                losses.append((loss(self._fitted(method, setting, self._validation.train), self._validation), setting))
            except RatingsError as err:
                why = err
        if not losses:
            raise why
        return min(losses, key=lambda pair: pair[0])[1]

    def _fitted(self, method: Method[Fitted], setting: Setting[Fitted], train: RatingsMatrix) -> Fitted:
        self._progress.next(f"{method.name}: {setting.words}" if setting.words else method.name)
        return setting.fit(train)
