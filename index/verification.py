"""Verification of a snapshot in a process of its own: `python -m index.verification FOLDER [-]`.

With `-` the manifest comes on the standard input: a version is verified before its manifest is written. A file that
makes FAISS crash takes only that process along. Exit code 0 with the recall of each space as JSON, or 1 with one
line on the standard output.
"""

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.errors import SnapshotCorrupt, VectorIndexError
from index.flat import FlatSpace
from index.flat_files import open_flat, stored_rows
from index.manifest import MANIFEST, Manifest, index_file, parse_manifest, read_manifest
from index.packed_space import PackedSpace
from index.packed_verification import verify_packed, warm_up
from index.snapshot import Snapshot
from index.spaces import SpaceInfo, SpaceName

N_QUERIES, K = 20, 10
N_SELF, SELF_SCORE = 100, 0.999
TOLERANCE = 1e-5  # of the largest score: both sums are rounded to float32
_BLOCK_FLOATS = 1 << 24  # 64 MB of float32 at once


def verify(folder: Path, manifest: Manifest) -> dict[SpaceName, float]:
    """Verifies a version here: sizes, sha256, load, and answers against brute force over what is stored.

    Returns:
        The recall@10 of each space, 0 to 1.

    Raises:
        SnapshotCorrupt: something differs; the message names the file.
    """
    snapshot = Snapshot.open(folder, manifest, thorough=True)
    draw = np.random.default_rng(manifest.generation)
    recall: dict[SpaceName, float] = {}
    for name, info in manifest.spaces.items():
        space = snapshot.space(name)
        if isinstance(space, PackedSpace):
            recall[name] = verify_packed(folder, space, draw)
        if isinstance(space, FlatSpace):
            path = folder / index_file(name)
            rows = stored_rows(path, info)
            recall[name] = _demand_brute_force(
                path, space, rows, draw.choice(info.count, min(N_QUERIES, info.count), replace=False)
            )
            if info.metric == "cosine":
                _demand_self(path, info, rows, draw.choice(info.count, min(N_SELF, info.count), replace=False))
    return recall


def _demand_brute_force(path: Path, space: FlatSpace, rows: NDArray[np.float32], asked: NDArray[np.int64]) -> float:
    """The share of the best that was found: a hit scores no worse than the last of the best."""
    hits = wanted = 0
    queries = np.array(rows[asked])
    want = _top_scores(rows, queries, space.info)
    for number, (query, best) in enumerate(zip(queries, want, strict=True)):
        found = np.array([hit.score for hit in space.search_vector(query, K)])
        scale = max(1.0, float(np.abs(best).max()))
        if len(found) != len(best) or not np.allclose(found, best, rtol=0, atol=TOLERANCE * scale):
            raise SnapshotCorrupt(path, f"question {number}: FAISS and brute force disagree")
        hits += int((found >= best[-1] - TOLERANCE * scale).sum())
        wanted += len(best)
    return hits / wanted


def _top_scores(rows: NDArray[np.float32], queries: NDArray[np.float32], info: SpaceInfo) -> NDArray[np.float64]:
    """The K best inner products of each query, descending, in the range the space's scores are given in."""
    step = max(1, _BLOCK_FLOATS // info.dimension)
    wide = queries.astype(np.float64).T
    parts = [np.asarray(rows[start : start + step]).astype(np.float64) @ wide for start in range(0, len(rows), step)]
    best = -np.sort(-np.concatenate(parts), axis=0)[:K].T
    if info.metric == "cosine":
        best = best.clip(0.0 if info.name == "poster" else -1.0, 1.0)
    return best


def _demand_self(path: Path, info: SpaceInfo, rows: NDArray[np.float32], asked: NDArray[np.int64]) -> None:
    queries = np.array(rows[asked])
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    scores, _ = open_flat(path, info).search(queries, 1)  # of all at once: one by one takes 7 s at 9,125 posters
    wrong = (np.abs(lengths - 1.0) > 1.0 - SELF_SCORE) | (scores[:, 0] < SELF_SCORE)
    if wrong.any():
        first = int(wrong.argmax())
        raise SnapshotCorrupt(path, f"row {asked[first]} is not its own nearest (length {lengths[first]:.6f})")


def main(arguments: list[str]) -> int:
    """Verifies the folder named on the command line."""
    if not arguments or arguments[1:] not in ([], ["-"]):
        print("usage: python -m index.verification FOLDER [-]")
        return 2
    folder = Path(arguments[0])
    try:
        if arguments[1:]:
            warm_up()
            manifest = parse_manifest(sys.stdin.buffer.read(), folder / MANIFEST)
        else:
            manifest = read_manifest(folder)[0]
        print(json.dumps(verify(folder, manifest)))
    except (VectorIndexError, OSError) as err:
        print(f"{err.path.name}: {err.why}" if isinstance(err, SnapshotCorrupt) else err)
        return 1
    return 0


if __name__ == "__main__":
    # Nothing here multiplies inside machine code by BLAS, and only for that numba would import it: 0.2 s.
    sys.modules.setdefault("scipy.linalg", None)  # type: ignore[arg-type]
    sys.exit(main(sys.argv[1:]))
