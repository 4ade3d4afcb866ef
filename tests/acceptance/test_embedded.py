"""One machine, no broker: import, embed with a worker killed three times, train, rebuild, serve, a new movie."""

import io
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from catalog.catalog import Catalog
from catalog.entries import State
from index.records import decode_record
from tests.acceptance.installation import ADMIN_TOKEN, Installation, free_port, wait_until

POSTERS, MOVIES = 300, 9125
KILL_AT = (40, 110, 180)  # embedded posters
TOY_STORY, HEAT, KUNG_FU_PANDA = 1, 6, 59784
NEW_USER = 4_000_000
NEAREST = {59784: 87222, 4306: 53121, 858: 2023}  # Kung Fu Panda 2, Shrek the Third, The Godfather: Part III

pytestmark = pytest.mark.timeout(1200)  # a bound against hanging: 300 posters take minutes where others work beside


@pytest.fixture(scope="module")
def installation(poster_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = {"POSTER_SOURCES": f"folder:{poster_folder}", "LEASE_S": "5", "PUBLISH_EVERY_S": "0"}
    made = Installation(tmp_path_factory.mktemp("embedded"), free_port(), settings)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def imported(installation: Installation) -> Installation:
    out = installation.run("import", "movielens", "data/ml-latest-small", "--json").stdout
    report = json.loads(out)
    assert [file["rows"] for file in report["files"]] == [9125, 9125, 100004]
    for file in report["files"]:
        assert file["rows"] == file["used"] + sum(file["rejected"].values())
    return installation


@pytest.fixture(scope="module")
def embedded(imported: Installation) -> Installation:
    """All 300 posters, by `embed --wait`, its worker killed three times while it had posters in hand."""
    catalog = imported.catalog()
    audit(catalog)
    process = imported.start("embed", "--wait")
    killed = [kill_worker_in_mid_work(catalog, at) for at in KILL_AT]
    assert len(set(killed)) == len(KILL_AT), "each kill met another worker"
    assert process.wait(900) == 0, imported.log(0)
    catalog.close()
    return imported


@pytest.fixture(scope="module")
def rebuilt(embedded: Installation) -> Installation:
    embedded.run("train")
    embedded.run("rebuild")
    return embedded


@pytest.fixture(scope="module")
def served(rebuilt: Installation) -> Installation:
    rebuilt.start("serve")
    wait_until(lambda: rebuilt.up("/readyz"), 60, "serve is ready")
    return rebuilt


def audit(catalog: Catalog) -> None:
    """Has the database itself note every vector that is stored."""
    with catalog.database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE audit (movie_id INTEGER)")
        connection.exec_driver_sql(
            "CREATE TRIGGER note AFTER INSERT ON poster_vectors BEGIN INSERT INTO audit VALUES (NEW.movie_id); END"
        )


def kill_worker_in_mid_work(catalog: Catalog, embedded: int) -> int:
    """Waits for so many embedded posters and for a batch in hand, then kills the worker's process; its id."""

    def in_mid_work() -> bool:
        with catalog.database.read() as connection:
            in_hand = connection.exec_driver_sql(
                "SELECT count(*) FROM poster_work WHERE state = 'fetched' AND token IS NOT NULL"
            ).scalar_one()
        return bool(in_hand and catalog.work.counts()[State.EMBEDDED] >= embedded)

    wait_until(in_mid_work, 600, f"a batch in hand with {embedded} posters embedded")
    newest = max(catalog.presence.alive(60), key=lambda worker: worker.started_at)
    found = re.fullmatch(r"fetch-embed-(\d+)@.*", newest.worker_id)
    assert found
    os.kill(int(found.group(1)), signal.SIGKILL)
    return int(found.group(1))


def vectors(installation: Installation) -> dict[int, Any]:
    catalog = installation.catalog()
    (fingerprint,) = catalog.posters.fingerprints()
    stored = [vector for run in catalog.posters.vectors(fingerprint) for vector in run]
    catalog.close()
    return {vector.movie_id: decode_record(vector.record) for vector in stored}


def test_importing_again_changes_nothing(imported: Installation) -> None:
    report = json.loads(imported.run("import", "movielens", "data/ml-latest-small", "--json").stdout)
    assert (report["movies_changed"], report["ratings_changed"]) == (0, False)


def test_after_three_kills_every_poster_is_embedded_exactly_once(embedded: Installation) -> None:
    catalog = embedded.catalog()
    counts = catalog.work.counts()
    assert (counts[State.EMBEDDED], counts[State.FAILED]) == (POSTERS, MOVIES - POSTERS)
    assert dict(catalog.work.failures_by_reason()) == {"no_poster": MOVIES - POSTERS}
    with catalog.database.read() as connection:
        noted = Counter(connection.exec_driver_sql("SELECT movie_id FROM audit").scalars())
    catalog.close()
    assert len(noted) == POSTERS
    assert set(noted.values()) == {1}


def test_embed_says_what_became_of_every_movie(embedded: Installation) -> None:
    assert "300 embedded, 8,825 failed (8,825 no poster), 0 waiting" in embedded.run("embed", "--wait").stdout


def test_the_features_are_those_of_the_reference(embedded: Installation, shared: Path) -> None:
    reference = np.load(shared / "reference-features.npz")
    stored = vectors(embedded)
    for movie_id, want in zip(reference["movie_ids"], reference["bicubic"], strict=True):
        got = stored[int(movie_id)].astype(np.float64)
        cosine = got @ want / np.linalg.norm(got) / np.linalg.norm(want.astype(np.float64))
        assert cosine >= 0.9999, f"movie {movie_id}: {cosine}"


@pytest.mark.parametrize(("movie_id", "nearest"), NEAREST.items())
def test_a_sequel_is_the_nearest_poster(rebuilt: Installation, movie_id: int, nearest: int) -> None:
    answer = json.loads(rebuilt.run("similar", str(movie_id), "--json").stdout)
    assert answer["items"][0]["movie_id"] == nearest


def test_spider_man_2_is_among_the_first_three_of_spider_man(rebuilt: Installation) -> None:
    answer = json.loads(rebuilt.run("similar", "Spider-Man (2002)", "-k", "3", "--json").stdout)
    assert 8636 in [item["movie_id"] for item in answer["items"]]


def test_similar_is_a_table_of_title_year_and_score(rebuilt: Installation) -> None:
    out = rebuilt.run("similar", "kung", "fu", "panda").stdout
    assert re.search(r"Kung Fu Panda 2\s+2011\s+0\.\d{3}", out)


def test_answers_equal_brute_force_over_the_stored_vectors(served: Installation) -> None:
    stored = vectors(served)
    ids = np.array(sorted(stored))
    rows = np.stack([stored[movie_id] for movie_id in ids]).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for asked in range(0, len(ids), len(ids) // 50):
        answer = served.ask(f"/similar?movie_id={ids[asked]}&by=poster&k=10")
        assert answer.status == 200, answer.body
        scores = rows @ rows[asked]
        scores[asked] = -1
        best = np.sort(scores)[::-1][:10]
        for item, score in zip(answer.body["items"], best, strict=True):
            own = scores[np.searchsorted(ids, item["movie_id"])]
            assert abs(own - score) <= 1e-6, "another movie belongs here"
            assert abs(item["score"] - own) <= 1e-4


def test_movies_liked_alike_are_answered_too(served: Installation) -> None:
    answer = served.ask(f"/similar?movie_id={TOY_STORY}&by=ratings&k=5")
    assert answer.status == 200
    assert len(answer.body["items"]) == 5
    assert TOY_STORY not in [item["movie_id"] for item in answer.body["items"]]


def test_toy_story_is_liked_like_its_sequel_and_heat_like_no_romance(served: Installation) -> None:
    toys = served.ask(f"/similar?movie_id={TOY_STORY}&by=ratings&k=5").body["items"]
    assert toys[0]["title"] == "Toy Story 2"
    heat = served.ask(f"/similar?movie_id={HEAT}&by=ratings&k=5").body["items"]
    assert not [item["title"] for item in heat if "Romance" in item["genres"] or item["genres"] == ["Drama"]]


def test_debias_moves_the_neighbours_away_from_the_well_known(served: Installation) -> None:
    def ratings_of_neighbours(debias: str) -> float:
        items = served.ask(f"/similar?movie_id={HEAT}&by=ratings&k=20{debias}").body["items"]
        return float(np.median([served.ask(f"/movies/{item['movie_id']}").body["n_ratings"] for item in items]))

    by_knob = [ratings_of_neighbours(debias) for debias in ("&debias=0", "", "&debias=1")]
    assert by_knob[0] > by_knob[1] > by_knob[2]


def test_a_new_user_gets_recommendations_and_predictions_with_the_next_question(served: Installation) -> None:
    assert served.ask(f"/users/{NEW_USER}/recommendations").status == 404
    given = [
        {"user_id": NEW_USER, "movie_id": TOY_STORY, "rating": 5},
        {"user_id": NEW_USER, "movie_id": HEAT, "rating": 1},
    ]
    assert served.ask("/ratings", given).body["accepted"] == 2
    items = served.ask(f"/users/{NEW_USER}/recommendations?k=5").body["items"]
    assert items[0]["title"] == "Toy Story 2"
    assert items[0]["because"][0]["movie_id"] == TOY_STORY
    assert not {TOY_STORY, HEAT} & {item["movie_id"] for item in items}
    before = served.ask(f"/predict?user_id={NEW_USER}&movie_id={items[0]['movie_id']}").body["predicted_rating"]
    served.ask("/ratings", [{"user_id": NEW_USER, "movie_id": TOY_STORY, "rating": 0.5}])
    after = served.ask(f"/predict?user_id={NEW_USER}&movie_id={items[0]['movie_id']}").body["predicted_rating"]
    assert after < before


def test_a_movie_without_a_poster_says_so(served: Installation) -> None:
    catalog = served.catalog()
    without = next(movie for movie in catalog.movies.page(limit=100).items if movie.state == State.FAILED)
    catalog.close()
    answer = served.ask(f"/similar?movie_id={without.movie_id}&by=poster")
    assert (answer.status, answer.body["status"]) == (409, 409)
    assert "failed" in answer.body["detail"]


def test_a_new_movie_is_found_at_once_and_in_the_next_snapshot_without_a_restart(
    served: Installation, poster_folder: Path
) -> None:
    new_id = 2_000_000
    with Image.open(poster_folder / f"{KUNG_FU_PANDA}.jpg") as poster:
        brighter = ImageEnhance.Brightness(poster.convert("RGB")).enhance(1.1)
    buffer = io.BytesIO()
    brighter.save(buffer, "PNG")
    (poster_folder / f"{new_id}.png").write_bytes(buffer.getvalue())
    before = served.ask(f"/similar?movie_id={KUNG_FU_PANDA}").headers["X-Index-Version"]

    accepted = served.ask("/movies", {"movie_id": new_id, "title": "Kung Fu Panda, in a new light", "year": 2026})
    assert accepted.status == 202
    job = accepted.headers["Location"]
    wait_until(lambda: served.ask(job).body["state"] == "done", 60, "the new movie is embedded")

    def nearest() -> int:
        return int(served.ask(f"/similar?movie_id={KUNG_FU_PANDA}").body["items"][0]["movie_id"])

    def version() -> int:
        return int(served.ask(f"/similar?movie_id={KUNG_FU_PANDA}").headers["X-Index-Version"])

    wait_until(lambda: nearest() == new_id, 10, "the new movie is the nearest poster, from the side list")
    asked = served.ask("/admin/rebuild", method="POST", token=ADMIN_TOKEN).status
    assert asked in (202, 409), "409: workers publish by themselves at this very moment"
    wait_until(lambda: version() > int(before), 120, "the snapshot that holds it is served")
    assert nearest() == new_id


def test_training_and_rebuilding_are_jobs_of_the_admin(served: Installation) -> None:
    assert served.ask("/admin/rebuild", {}).status == 401
    accepted = served.ask("/admin/train", method="POST", token=ADMIN_TOKEN)
    assert accepted.status == 202, accepted.body
    job = accepted.headers["Location"]
    wait_until(lambda: served.ask(job).body["state"] == "done", 120, "the training ends")


def test_rollback_serves_the_snapshot_before(served: Installation) -> None:
    now = int(served.ask(f"/similar?movie_id={KUNG_FU_PANDA}").headers["X-Index-Version"])
    served.run("rollback")
    wait_until(
        lambda: int(served.ask(f"/similar?movie_id={KUNG_FU_PANDA}").headers["X-Index-Version"]) < now,
        10,
        "the API follows the rollback",
    )


def test_serve_ends_its_processes_within_15_s_of_sigterm(served: Installation) -> None:
    process = served.started[-1]
    process.terminate()
    assert process.wait(15) == 0
    wait_until(lambda: not served.up(), 5, "nothing answers any more")
