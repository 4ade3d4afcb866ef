"""What a space of vectors is: one kind of vector, with everything that two of them must share to be compared."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

SpaceName = Literal["poster", "ratings"]
Metric = Literal["cosine", "inner_product"]
SPACE_NAMES: tuple[SpaceName, ...] = ("poster", "ratings")


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """One space as a snapshot's manifest states it.

    Attributes:
        name: poster or ratings. dimension: numbers in a vector.
        dtype: of the stored numbers: float32 rows as FAISS reads them, or float16 numbers packed without the zeros.
        metric: cosine (rows have length 1) or inner_product (rows have any length).
        fingerprint: what made the vectors; two fingerprints never meet. count: vectors in the snapshot.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    name: SpaceName
    dimension: int
    dtype: Literal["float32", "float16"]
    metric: Metric
    fingerprint: str
    count: int
