"""The embedding benchmark: its bars are the issue's, every movie has its own bytes, verdicts follow from figures."""

import http.client
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import embed, embed_encode, embed_pipeline
from benchmarks.bars import Row, bar
from benchmarks.embed_encode import cpu_flags, encode_row, sgemm_gflops
from benchmarks.embed_pictures import PictureServer, one_of_its_own, pictures
from benchmarks.embed_pipeline import Installation, encode_only
from benchmarks.embed_quality import cosines, spread
from catalog.entries import Kind, PosterFile
from catalog.work import Embedded
from index.records import encode_record
from posters.decoding import pixels
from tests.workers.toy_encoder import ToyEncoder


@pytest.fixture(scope="module")
def cards() -> list[bytes]:
    return pictures(None)[:3]


@pytest.fixture
def server(cards: list[bytes]) -> Iterator[PictureServer]:
    with PictureServer(cards) as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


class FixedEncoder(ToyEncoder):
    """The toy on a device."""

    device, batch = "cpu", 8


def test_the_bars_are_those_of_the_issue() -> None:
    encode, pipeline = bar("embed_encode"), bar("embed_pipeline")
    assert encode["what"] == "embed, float32, 2 cores: against the article's one-by-one `predict`"
    assert encode["at_least"] == ">= 1.35x, and >= 0.95 of measured sgemm GFLOP/s / 30.69"
    assert (encode["times_predict"], encode["share_of_sgemm"], encode["gflop"]) == (1.35, 0.95, 30.69)
    assert pipeline["what"] == "end to end from local HTTP server to stored records"
    assert (pipeline["at_least"], pipeline["share"]) == (">= 0.95 of encode-only", 0.95)


def test_generated_pictures_have_the_size_of_posters_and_differ(cards: list[bytes]) -> None:
    assert len(set(cards)) == 3
    assert all(card.startswith(b"\xff\xd8\xff") for card in cards)


def test_the_same_picture_comes_as_other_bytes_for_every_movie(cards: list[bytes]) -> None:
    one, other = one_of_its_own(cards[0], 1), one_of_its_own(cards[0], 2)
    assert one != other
    assert np.array_equal(pixels(one, "one"), pixels(other, "other"))


def test_the_pictures_of_a_folder_are_its_readable_ones_by_name(tmp_path: Path, cards: list[bytes]) -> None:
    (tmp_path / "b.jpg").write_bytes(cards[1])
    (tmp_path / "a.JPG").write_bytes(cards[0])
    (tmp_path / "c.png").write_bytes(b"<html>")
    (tmp_path / "d.txt").write_bytes(cards[2])
    assert pictures(tmp_path) == [cards[0], cards[1]]


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"{tmp_path} has no poster that can be read"):
        pictures(tmp_path)


def test_the_server_answers_as_tmdb_does(server: PictureServer, cards: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])

    def get(path: str) -> tuple[int, bytes]:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    status, body = get("/3/movie/4")
    assert (status, json.loads(body)) == (200, {"id": 4, "title": "Movie 4", "poster_path": "/4.jpg"})
    assert get("/t/p/w342/4.jpg") == (200, one_of_its_own(cards[1], 4))
    assert get("/nothing")[0] == 404
    connection.close()


def test_cosines_are_taken_row_by_row() -> None:
    one = np.array([[3, 4], [1, 0]], np.float32)
    other = np.array([[6, 8], [0, 2]], np.float32)
    assert cosines(one, other) == pytest.approx([1.0, 0.0])


def test_a_spread_is_the_least_and_the_largest() -> None:
    assert spread([9.724, 9.36, 9.5]) == "9.36-9.72"


def test_encode_only_encodes_every_picture_once_in_batches_of_the_worker() -> None:
    encoder: Any = FixedEncoder()
    images = np.random.default_rng(0).integers(0, 255, (37, 224, 224, 3), dtype=np.uint8)
    rate, features = encode_only(encoder, images)
    assert encoder.batches == [16, 16, 5]
    assert rate > 0
    assert np.array_equal(features[36], ToyEncoder.vector(images[36]))


def test_the_rate_counts_from_the_first_answer_to_the_last_record(tmp_path: Path) -> None:
    installed = Installation(tmp_path, 1)
    ids = installed.queue(4)
    work = installed.catalog.work
    claim = work.claim(Kind.FETCH, 4, 60)
    work.fetched(claim, [poster_file(movie_id, fetched_at=100.0 + movie_id) for movie_id in ids])
    claim = work.claim(Kind.EMBED, 4, 60)
    work.embedded(claim, [Embedded(movie_id, "a", "toy", encode_record(vector(movie_id))) for movie_id in ids])
    with installed.catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE poster_vectors SET embedded_at = 101 + 2 * movie_id")
    assert installed.rate(ids) == pytest.approx(4 / 8)  # from 101 s, of movie 1, to 109 s, of movie 4
    assert [features[0] for features in installed.features(ids)] == [1, 2, 3, 4]
    installed.catalog.close()


def poster_file(movie_id: int, fetched_at: float) -> PosterFile:
    return PosterFile(
        movie_id=movie_id,
        sha256="a",
        media_type="image/jpeg",
        width=1,
        height=1,
        size_bytes=1,
        source="tmdb",
        origin="",
        generated=False,
        attribution=None,
        fetched_at=fetched_at,
        expires_at=None,
    )


def vector(movie_id: int) -> Any:
    return np.full(8, movie_id, np.float32)


@pytest.mark.parametrize(
    ("ours", "predict", "sgemm", "passed"),
    [
        (10.0, 6.0, 310.0, True),
        (10.0, 7.5, 310.0, False),  # 1.33 x predict
        (10.0, 6.0, 330.0, False),  # 0.93 of sgemm
    ],
)
def test_the_encode_row_passes_with_both_ratios_only(
    monkeypatch: pytest.MonkeyPatch, cards: list[bytes], ours: float, predict: float, sgemm: float, passed: bool
) -> None:
    rates = embed_encode.Rates([ours] * 3, [predict] * 3, [sgemm] * 3)
    monkeypatch.setattr(embed_encode, "ArticleLoop", ToyEncoder)
    monkeypatch.setattr(embed_encode, "_measured", lambda *_: rates)
    monkeypatch.setattr(embed_encode, "REFERENCE", Path("nowhere"))
    encoder: Any = FixedEncoder()
    row = encode_row(cards, encoder, 3)
    assert row.passed is passed
    assert row.value == f"{ours / predict:.2f} x predict, {ours * 30.69 / sgemm:.3f} of sgemm"
    assert "least cosine 1.0000000 to the loop's features" in row.quality


def test_the_bars_for_two_cores_do_not_judge_a_gpu(monkeypatch: pytest.MonkeyPatch, cards: list[bytes]) -> None:
    monkeypatch.setattr(embed_encode, "ArticleLoop", ToyEncoder)
    monkeypatch.setattr(embed_encode, "_measured", lambda *_: embed_encode.Rates([900.0], [60.0], [300.0]))
    encoder: Any = FixedEncoder()
    encoder.device = "A GPU"
    assert encode_row(cards, encoder, 1).passed is None


def test_features_that_are_not_the_reference_fail_the_row(monkeypatch: pytest.MonkeyPatch, cards: list[bytes]) -> None:
    class OtherLoop(ToyEncoder):
        def encode(self, images: Any) -> Any:
            return super().encode(255 - images)

    monkeypatch.setattr(embed_encode, "ArticleLoop", OtherLoop)
    monkeypatch.setattr(embed_encode, "REFERENCE", Path("nowhere"))
    monkeypatch.setattr(embed_encode, "_measured", lambda *_: embed_encode.Rates([10.0], [6.0], [310.0]))
    encoder: Any = FixedEncoder()
    assert encode_row(cards, encoder, 1).passed is False


@pytest.mark.parametrize(
    ("whole", "cosine", "stored", "passed"),
    [(9.6, 1.0, True, True), (9.4, 1.0, True, False), (9.6, 0.99, True, False), (9.6, 1.0, False, False)],
)
def test_the_pipeline_row_passes_with_speed_and_quality_and_nothing_lost(
    monkeypatch: pytest.MonkeyPatch, whole: float, cosine: float, stored: bool, passed: bool
) -> None:
    found = embed_pipeline.Measured([whole] * 3, [10.0] * 3, cosine, 12, 12 if stored else 11)
    row = embed_pipeline.judged(found)
    assert row.passed is passed
    assert row.value == f"{whole / 10:.3f} of encode-only"


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1), (None, 0)])
def test_a_row_that_falls_short_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], passed: bool | None, code: int
) -> None:
    row = Row("encode", "1", "2", passed, "beside")
    monkeypatch.setattr(embed, "parts", lambda *_: {word: lambda: row for word in embed.PARTS})
    monkeypatch.setattr(embed, "_encoder", SimpleNamespace)
    monkeypatch.setattr(embed, "pictures", lambda folder: [b""])
    monkeypatch.setattr(sys, "argv", ["embed", "--json", "--quick", "--only", "encode"])
    with pytest.raises(SystemExit) as ended:
        embed.main()
    assert ended.value.code == code
    assert json.loads(capsys.readouterr().out) == [
        {"what": "encode", "value": "1", "bar": "2", "pass": passed, "quality": "beside", "quick": True}
    ]


def test_a_folder_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["embed", "--posters", "nowhere/at/all"])
    with pytest.raises(SystemExit):
        embed.main()
    assert "there is no folder nowhere/at/all" in capsys.readouterr().err


def test_the_roofline_is_the_faster_of_both_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    multiply = SimpleNamespace(constant=lambda matrix: matrix, linalg=SimpleNamespace(matmul=np.matmul))
    monkeypatch.setitem(sys.modules, "tensorflow", multiply)
    seconds = iter([0.5, 0.25])
    monkeypatch.setattr(embed_encode, "_median_s", lambda work: next(seconds))
    assert sgemm_gflops(1, side=100) == pytest.approx(2 * 100**3 / 0.25 / 1e9)


def test_flags_are_those_that_matter() -> None:
    assert set(cpu_flags().split()) <= set(embed_encode.FLAGS)
