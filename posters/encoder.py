"""What the rest of Posterity needs to know of an encoder; tests and workers may hand in a toy."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FEATURES = 25088  # 7 x 7 x 512: block5_pool of VGG16
PIXELS_SHAPE = (224, 224, 3)  # of one poster: rows, columns, red green blue


class Encoder(Protocol):
    """Turns pixels into vectors; `str(fingerprint)` names everything the vectors depend on."""

    @property
    def fingerprint(self) -> object:
        """Its `str()` is one stable line."""

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB uint8 (n, 224, 224, 3) to float32 (n, d), row by row, not normalised."""
