"""Real posters to search among: a file of features, or a folder of pictures that is encoded here."""

import argparse
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.poster_mixes import packed_rows
from index.packed import Packed, words_of
from index.record_blocks import pack_records
from index.records import encode_record

DEFAULT_FEATURES = Path(__file__).resolve().parents[2] / "shared" / "data" / "poster-features.npz"
DIMENSION = 25_088
ARRAYS = ("movie_ids", "indptr", "indices", "values")
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
BATCH = 8
HELD_OUT = 250


@dataclass(frozen=True, slots=True)
class RealPosters:
    """Features of real posters.

    Attributes:
        movie_ids: int64 (n,). packed: their features as they are, n rows.
    """

    movie_ids: NDArray[np.int64]
    packed: Packed

    def __len__(self) -> int:
        return len(self.movie_ids)


@dataclass(frozen=True, slots=True)
class Split:
    """Posters that are published, and posters that only ask: nothing that is fitted ever sees those."""

    published: Packed
    questions: NDArray[np.float32]


def split(real: RealPosters, held_out: int = HELD_OUT, seed: int = 0) -> Split:
    """Holds some of the posters out at random, a tenth of them at most: float32 (m, d) of length 1."""
    order = np.random.default_rng(seed).permutation(len(real))
    asks = min(held_out, len(real) // 10)
    return Split(real.packed.taken(np.sort(order[asks:])), real.packed.units(np.sort(order[:asks])))


def read_features(path: Path) -> RealPosters:
    """Reads a file of sparse features: movie_ids (n,), indptr (n + 1,), indices uint16 (m,), values float16 (m,).

    Raises:
        SystemExit: it is not such a file; the message says what is missing.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            movie_ids, indptr, indices, values = (file[name] for name in ARRAYS)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as err:
        raise SystemExit(f"{path} is no file of features ({err}): give an .npz with {', '.join(ARRAYS)}") from err
    counts, halves = np.diff(indptr.astype(np.int64)), values.astype(np.float16)
    fits = len(counts) == len(movie_ids) and len(indices) == len(values) == int(indptr[-1])
    if not fits or len(counts) == 0 or counts.min() < 1 or int(indices.max()) >= DIMENSION:
        raise SystemExit(f"{path}: its arrays do not fit together as rows of {DIMENSION} numbers, none of them empty")
    rows = np.repeat(np.arange(len(counts)), counts)
    if not (np.diff(rows * DIMENSION + indices) > 0).all():
        raise SystemExit(f"{path}: the indices of a row must rise; sort them (scipy: matrix.sort_indices())")
    if not ((halves != 0) & np.isfinite(halves)).all():
        raise SystemExit(f"{path}: a value is 0, infinite or no number in float16; leave zeros out")
    bitmaps = _bitmaps(rows, indices.astype(np.int64), len(counts))
    return RealPosters(movie_ids.astype(np.int64), packed_rows(DIMENSION, bitmaps, halves, counts))


def write_features(path: Path, real: RealPosters) -> None:
    """Writes such a file, for a process of its own to read."""
    packed = real.packed
    there = np.unpackbits(packed.bitmaps.view(np.uint8), axis=1, bitorder="little")
    indices = np.nonzero(there)[1].astype(np.uint16)
    np.savez(path, movie_ids=real.movie_ids, indptr=packed.starts, indices=indices, values=packed.values)


def encode_folder(folder: Path) -> RealPosters:
    """Encodes the pictures of a folder with the bundled weights, in the order of their names, saying how far it is.

    A picture named by a number is the poster of that movie, another one gets a free number.

    Raises:
        SystemExit: there are no pictures. PosterRejected: one cannot be read.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES) if folder.is_dir() else []
    if not files:
        raise SystemExit(f"{folder}: no pictures ({', '.join(PICTURES)}) to encode")
    from posters.decoding import pixels  # late: with a file of features nobody waits for the encoder
    from posters.vgg16 import PosterEncoder

    encoder, records = PosterEncoder(), []
    print(f"encoding {len(files):,} posters: on a CPU about 5 a second", file=sys.stderr)
    for first in range(0, len(files), BATCH):
        batch = files[first : first + BATCH]
        features = encoder.encode(np.stack([pixels(file.read_bytes(), file.name) for file in batch]))
        records += [encode_record(row) for row in features]
        print(f"\r{len(records):,} of {len(files):,}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return RealPosters(_numbers(files), pack_records(records, DIMENSION))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two ways to give real posters."""
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--features", type=Path, help=".npz of features (default: ../shared/data/poster-features.npz)")
    given.add_argument("--posters", type=Path, help="folder of pictures, encoded here (slow: about 5 a second)")


def real_posters(features: Path | None, pictures: Path | None) -> RealPosters:
    """The posters that were asked for, or those of the default file.

    Raises:
        SystemExit: nothing was given and there is no default file; or what was given is not usable.
    """
    if pictures is not None:
        return encode_folder(pictures)
    if features is None and not DEFAULT_FEATURES.exists():
        raise SystemExit("no posters to measure with: give --features FILE, or --posters DIR with pictures")
    return read_features(features or DEFAULT_FEATURES)


def _bitmaps(rows: NDArray[np.int64], indices: NDArray[np.int64], count: int) -> NDArray[np.uint64]:
    bitmaps = np.zeros((count, words_of(DIMENSION)), np.uint64)
    bits = np.left_shift(np.uint64(1), (indices & 63).astype(np.uint64))
    np.bitwise_or.at(bitmaps, (rows, indices >> 6), bits)
    return bitmaps


def _numbers(files: list[Path]) -> NDArray[np.int64]:
    named = [int(file.stem) if file.stem.isdecimal() else 0 for file in files]
    free = iter(range(1 << 30, (1 << 30) + len(files)))
    return np.array([number or next(free) for number in named], np.int64)
