"""T11: no picture file ends a worker, holds it up or fills its memory: a reason, or a vector."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.catalog import Catalog
from catalog.entries import NewMovie, Reason
from catalog.storing import store_movies
from posters import decoding
from posters.decoding import decode, pixels
from posters.effort import MAX_PARTS, MAX_SCANS
from posters.errors import PosterRejected, RejectReason
from tests.acceptance.installation import REPO, Installation, free_port, wait_until
from tests.hostile import bombs
from tests.hostile.images import CHANGES, CONTROLS, HostileImage, corpus, encoded, picture, thought_out
from tests.plan import Judge

SEED = 11
MOST_S, MOST_BYTES = 20.0, 300_000_000
FILES, NIGHTLY_FILES = 1000, 10_000
THROUGH_A_WORKER, NIGHTLY_THROUGH_A_WORKER = 330, 1500
COSINE = 0.99


@pytest.fixture(scope="module")
def images(nightly: bool) -> list[HostileImage]:
    return corpus(NIGHTLY_FILES if nightly else FILES, SEED)


@pytest.fixture(scope="module")
def folder(images: list[HostileImage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as 1.jpg, 2.jpg, .. in their order."""
    made = tmp_path_factory.mktemp("hostile")
    for number, image in enumerate(images, start=1):
        (made / f"{number}.jpg").write_bytes(image.content)
    return made


def test_chance_decides_by_the_seed_alone_and_all_ways_of_spoiling_occur(images: list[HostileImage]) -> None:
    again, other = corpus(FILES, SEED), corpus(FILES, SEED + 1)
    assert images[:FILES] == again
    fixed = len(thought_out())
    assert fixed + 500 <= FILES
    assert len({image.content for image in again[fixed:]} & {image.content for image in other[fixed:]}) < 50
    assert len({image.name for image in images}) == len(images)
    ways = [next(way for way in CHANGES if f" {way.__name__[1:]} of " in image.name) for image in images[fixed:]]
    assert len(set(ways)) == len(CHANGES)
    assert {reason for image in images for reason in image.wanted} <= {"", *map(str, RejectReason)}


def test_the_controls_are_pictures_in_order(images: list[HostileImage]) -> None:
    """By Pillow alone, so that what refuses one of them is ours."""
    good = [image for image in images if image.name.startswith("control")]
    assert len(good) == len({image.content for image in good}) == CONTROLS
    for image in good:
        with Image.open(io.BytesIO(image.content)) as opened:
            opened.load()
            assert f"{opened.size}" in image.name


@pytest.mark.timeout(1200)
def test_no_file_ends_a_process_or_costs_more_than_seconds_and_megabytes(
    judge: Judge, nightly: bool, images: list[HostileImage], folder: Path
) -> None:
    """One process looks into all of them as a worker does; what each took is measured there."""
    command = [sys.executable, "-m", "tests.hostile.image_child", str(folder)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=3600 if nightly else 240)
    found: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for one, image in zip(found, images, strict=False):
        one["name"] = image.name
    what, times = "hostile pictures", len(images)
    died = (
        ""
        if done.returncode == 0
        else f"ended with {done.returncode} by {images[len(found)].name}: {done.stderr[-500:]}"
    )
    judge("T11", f"{what}: deaths", times, "0", died or "0", len(found) == times and not died)
    slowest = max(found, key=lambda one: one["seconds"])
    measured = f"{slowest['seconds']:.1f} s ({slowest['name']})"
    judge("T11", f"{what}: time", times, f"{MOST_S:g} s", measured, slowest["seconds"] <= MOST_S)
    largest = max(found, key=lambda one: one["grown"])
    measured = f"+{largest['grown'] / 1e6:.0f} MB ({largest['name']})"
    judge("T11", f"{what}: memory", times, f"+{MOST_BYTES / 1e6:.0f} MB", measured, largest["grown"] <= MOST_BYTES)
    wrong = [f"{one['name']}: {one['outcome']}" for one, image in zip(found, images, strict=True)
             if one["outcome"] not in image.wanted]  # fmt: skip
    judge("T11", f"{what}: outcome (seed {SEED})", times, "a reason or a unit vector, the right one",
          f"{len(wrong)} wrong {wrong[:9]}", not wrong)  # fmt: skip
    taken = sum(one["outcome"] == "" for one in found if one["name"].startswith("control"))
    judge("T11", "controls among them", CONTROLS, f"{CONTROLS} taken", f"{taken} taken", taken == CONTROLS)


@pytest.fixture
def installed(folder: Path, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, free_port(), {"POSTER_SOURCES": f"folder:{folder}", "SWEEP_S": "1"})
    yield made
    made.stop()


def rows_of(catalog: Catalog) -> list[Any]:
    with catalog.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT movie_id, state, reason, lost, troubles, attempt FROM poster_work")
        return sorted(tuple(row) for row in rows)


@pytest.mark.timeout(1200)
def test_a_worker_outlives_them_and_says_why_each_was_refused(
    judge: Judge, nightly: bool, images: list[HostileImage], folder: Path, installed: Installation
) -> None:
    """Real processes from the folder to the vector; only the encoder is a toy."""
    some = images[: NIGHTLY_THROUGH_A_WORKER if nightly else THROUGH_A_WORKER]
    catalog = installed.catalog()
    with catalog.database.write() as connection:
        store_movies(connection, [NewMovie(f"Movie {i}", i) for i in range(1, len(some) + 1)], {}, 0.0)
    catalog.work.enqueue_all()
    worker = installed.start("worker", "--kinds", "fetch,embed", module="tests.faults.toy_worker")
    over = ("embedded", "failed")

    def all_ended() -> bool:
        assert worker.poll() is None, installed.log(0)
        return all(row[1] in over for row in rows_of(catalog))

    wait_until(all_ended, 600 if nightly else 120, "all of them ended")
    rows = rows_of(catalog)
    catalog.close()
    lost = [row for row in rows if row[2] == Reason.WORKER_LOST or row[3] > 0]
    judge("T11", "real worker: deaths", len(some), "0", f"{len(lost)} {lost[:3]}", not lost)
    got = {row[0]: "" if row[1] == "embedded" else row[2] for row in rows}
    wrong = [f"{image.name}: {got[i]}" for i, image in enumerate(some, start=1) if got[i] not in image.wanted]
    judge("T11", f"real worker: outcome (seed {SEED})", len(some), "the right one",
          f"{len(wrong)} wrong {wrong[:9]}", not wrong)  # fmt: skip
    taken = sum(got[i] == "" for i, image in enumerate(some, start=1) if image.name.startswith("control"))
    judge("T11", "real worker: controls", CONTROLS, f"{CONTROLS} embedded", f"{taken} embedded", taken == CONTROLS)


def cosine(one: bytes, other: bytes) -> float:
    left, right = (pixels(content, "picture").astype(np.float64).ravel() for content in (one, other))
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_is_like_the_upright_one(judge: Judge, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    upright, exif = picture(5), Image.Exif()
    exif[0x0112] = orientation
    stored = upright.transpose(Image.Transpose(undo[orientation]))
    measured = [
        cosine(encoded(stored, kind, exif=exif.tobytes(), **options), encoded(upright, kind, **options))
        for kind, options in (("JPEG", {"quality": 90}), ("PNG", {}), ("WEBP", {"quality": 90}))
    ]
    assert cosine(encoded(stored, "PNG"), encoded(upright, "PNG")) < COSINE, "the picture tells nothing when turned"
    said = ", ".join(f"{value:.5f}" for value in measured)
    judge("T11", f"turned by EXIF {orientation}", 3, f"cosine >= {COSINE}", said, min(measured) >= COSINE)


def test_a_picture_of_16_bits_is_like_the_one_of_8(judge: Judge) -> None:
    upright = picture(5)
    grey = upright.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    colours = bombs.png_of_16_bits(np.asarray(upright).astype(np.uint16) * 257)
    measured = [cosine(encoded(deep, "PNG"), encoded(grey, "PNG")), cosine(colours, encoded(upright, "PNG"))]
    said = ", ".join(f"{value:.5f}" for value in measured)
    judge("T11", "16 bits as 8", 2, f"cosine >= {COSINE}", said, min(measured) >= COSINE)


def test_a_picture_of_as_many_scans_as_allowed_is_taken_and_one_of_more_is_not() -> None:
    whole = bombs.empty_scans((64, 64), 0)
    scans = whole.count(b"\xff\xda")
    assert decode(bombs.empty_scans((64, 64), MAX_SCANS - scans), "poster").size == (64, 64)
    with pytest.raises(PosterRejected, match="51 scans, at most 50 are accepted") as caught:
        decode(bombs.empty_scans((64, 64), MAX_SCANS - scans + 1), "poster")
    assert caught.value.reason == RejectReason.IMAGE_INVALID


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_of_as_many_parts_as_allowed_is_taken_and_one_of_many_more_is_not(kind: str) -> None:
    good = encoded(picture(1), kind)
    part, at = (bombs.chunk(b"tEXt", b""), 33) if kind == "PNG" else (bombs.segment(0xFE, b""), 2)
    assert decode(good[:at] + part * (MAX_PARTS - 50) + good[at:], "poster").size == (120, 180)
    with pytest.raises(PosterRejected, match="more than 10,000 parts"):
        decode(good[:at] + part * MAX_PARTS + good[at:], "poster")


def test_large_pictures_are_decoded_one_at_a_time_and_small_ones_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = encoded(Image.new("L", (2100, 2000)), "PNG"), encoded(picture(1), "PNG")
    begun, go_on = threading.Event(), threading.Event()
    under_way, most = [0], [0]
    real = decoding.opaque

    def slow(image: Image.Image) -> Image.Image:
        if image.size == (2100, 2000):
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            begun.set()
            assert go_on.wait(20)
            under_way[0] -= 1
        return real(image)

    monkeypatch.setattr(decoding, "opaque", slow)
    threads = [threading.Thread(target=decode, args=(large, "large")) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(20)
    assert decode(small, "small").size == (120, 180)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert most == [1]
