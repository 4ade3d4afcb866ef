"""Rebuilding: the newest model and all embedded vectors become one snapshot."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from index.publishing import publish
from index.records import decode_record
from workers.train import newest_model

Report = Callable[[str, int, int], None]  # phase, done, of
