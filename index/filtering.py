"""Which rows of a space may answer a question: by what made them, and by what the asker does not want to see."""

from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

Kind = Literal["same", "any", "real", "generated"]


@dataclass(frozen=True, slots=True)
class Among:
    """Which movies may answer a question, applied inside the search: the k asked for come back while so many match.

    Attributes:
        rows: bool (n,), in the order of the space's `movie_ids`, True for the movies that may; None for all of them.
        exclude: int64 (any,), ids of movies that may not; unknown ones are fine; None for none.
        exact: every row is looked at, where otherwise candidates would be.
    """

    rows: NDArray[np.bool_] | None = None
    exclude: NDArray[np.int64] | None = None
    exact: bool = False


EVERYONE = Among()


class RowFilter:
    """The rows that are let through; `same` counts as `any` here.

    Args:
        count: rows of the space. space: its name, for messages.
        generated: uint8 (count,), 1 where the poster is a title card; None where the space knows no such difference.

    Memory: 2.25 bytes per row, none without `generated`.
    """

    def __init__(self, count: int, space: str, generated: NDArray[np.uint8] | None) -> None:
        self._count, self._space = count, space
        self._kinds: dict[Kind, NDArray[np.bool_]] = {}
        self._searches: dict[Kind, Any] = {}
        if generated is not None:
            self._kinds = {"real": generated == 0, "generated": generated != 0}
            self._searches = {kind: _search(rows) for kind, rows in self._kinds.items()}

    def rows(
        self, kind: Kind, left_out: NDArray[np.int64], wanted: NDArray[np.bool_] | None = None
    ) -> NDArray[np.bool_]:
        """True for the rows that may answer: a new bool (count,).

        Args:
            kind: among which. left_out: int64 (any,), rows that may not. wanted: bool (count,), others may not either.

        Raises:
            ValueError: `real` or `generated` in a space that knows no such difference, or `wanted` of another length.
        """
        allowed = np.ones(self._count, dtype=np.bool_) if self._any(kind) else self._kinds[kind].copy()
        if wanted is not None:
            if wanted.shape != (self._count,):
                raise ValueError(f"a mask of {wanted.shape} rows for the {self._count} of the {self._space} space")
            allowed &= wanted
        allowed[left_out] = False
        return allowed

    def search(self, kind: Kind, left_out: NDArray[np.int64], wanted: NDArray[np.bool_] | None = None) -> Any:
        """The same as parameters of a FAISS search; None when all rows are let through.

        Raises:
            ValueError: as `rows`.
        """
        if len(left_out) or wanted is not None:
            return _search(self.rows(kind, left_out, wanted))
        return None if self._any(kind) else self._searches[kind]

    def _any(self, kind: Kind) -> bool:
        if kind in ("same", "any"):
            return True
        if not self._kinds:
            raise ValueError(f"the {self._space} space has no title cards: ask it for kind same or any, not {kind}")
        return False


def _search(wanted: NDArray[np.bool_]) -> Any:
    if wanted.all():
        return None  # without a selector FAISS may use its parallel scan
    wrapped: Any = faiss  # the stubs describe C++; the wrappers take arrays, and keep them alive
    return wrapped.SearchParameters(sel=wrapped.IDSelectorBitmap(np.packbits(wanted, bitorder="little")))
