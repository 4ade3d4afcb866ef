"""`posterity reproduce`: one page that needs nothing else, the same figures as JSON, pictures where there are any."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from catalog.catalog import Catalog
from catalog.entries import Kind, PosterFile
from cli import charts, poster_rows, reproduce
from cli.report_rows import BUNDLED, Facts, Figures, report_rows
from cli.report_words import WORDS
from cli.reproduce import reproduce_command
from config.settings import Settings
from index.contents import SnapshotContents, SpaceContents
from index.publishing import publish
from ratings.side_by_side import NeighbourList
from ratings.tastes import SIMILAR_DEBIAS
from tests.workers.toy_encoder import ToyEncoder
from workers.importing import import_movielens

HOSTILE = "<script>alert(1)</script> & 'co'"
GENRES = ("Crime|Drama", "Comedy", "Comedy|Romance", "Drama")
VOID = {"meta", "img", "br", "link", "input", "hr"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 users, 40 movies; number 6 has a title that a page must not believe."""
    made, draw = tmp_path_factory.mktemp("data") / "ml-tiny", np.random.default_rng(2)
    made.mkdir()
    titles = {movie: HOSTILE if movie == 6 else f"Movie {movie}" for movie in range(1, 41)}
    movies = [f'{movie},"{titles[movie]} (1999)",{GENRES[movie % 4]}' for movie in titles]
    (made / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies]))
    pairs = [(user, movie) for user in range(1, 31) for movie in titles if draw.random() < 0.6]
    lines = [f"{user},{movie},{draw.integers(1, 11) / 2},1" for user, movie in pairs]
    (made / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *lines]))
    return made


@pytest.fixture(scope="module")
def figures(folder: Path) -> Figures:
    """Measured once; what a page makes of them is cheap."""
    return reproduce._figures(reproduce.evaluation_data(folder), reproduce.Effort.shortened())


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSTERITY_DATA_DIR", str(tmp_path / "posterity-data"))
    return tmp_path / "posterity-data"


@pytest.fixture
def measured(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> Figures:
    monkeypatch.setattr(reproduce, "_figures", lambda data, effort: replace(figures, effort=effort))
    return figures


def reproduced(folder: Path, out: Path, *options: object) -> Result:
    arguments = ["--data", folder, "--out", out, "--quick", *options]
    return CliRunner().invoke(reproduce_command, [str(it) for it in arguments])


def strictly(text: str) -> dict[str, Any]:
    """NaN and Infinity are no JSON."""
    found: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return found


class Page(HTMLParser):
    """What a page is made of; complains about tags that do not close and ids that come twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.ids, self._open = text, list[tuple[str, dict[str, str | None]]](), set[str](), []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if name := given.get("id"):
            assert name not in self.ids, name
            self.ids.add(name)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_whole_way_from_the_folder_to_page_figures_and_table(folder: Path, tmp_path: Path) -> None:
    done = reproduced(folder, tmp_path / "new" / "report")
    assert done.exit_code == 0, done.exception
    assert sorted(path.name for path in (tmp_path / "new" / "report").iterdir()) == ["report.html", "report.json"]
    found = strictly((tmp_path / "new" / "report" / "report.json").read_text())
    assert found["data"] == {"users": 30, "movies": 40, "ratings": found["data"]["ratings"], "source": "ml-tiny"}
    assert "ratings of 40 movies by 30 users (ml-tiny)" in done.stdout.splitlines()[0]
    assert f"{np.mean(found['article']['article_user']):.3f}" in done.stdout
    assert "Quick: one seed and fewer epochs" in done.stdout


@pytest.mark.usefixtures("measured")
def test_the_page_needs_nothing_else_and_no_script(folder: Path, tmp_path: Path) -> None:
    reproduced(folder, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    for _, attributes in page.tags:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "poster", "data", "action"):
                assert value and value.startswith(("data:", "#")), value
    assert not page.all("script")
    assert not page.all("link")
    assert not re.search(r"url\((?!#)|@import", page.text)
    assert not [it for it in re.findall(r"https?://[^\"\s<]+", page.text) if not it.startswith("http://www.w3.org/")]


@pytest.mark.usefixtures("measured")
def test_the_page_can_be_read_by_those_who_do_not_see_it(folder: Path, tmp_path: Path) -> None:
    reproduced(folder, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert len(page.all("svg")) == 5
    drawn = [it for _, it in page.tags if it.get("role") == "img"]
    assert len(drawn) == 5
    assert all(
        re.search(r"\d\.\d", it["aria-label"] or "") for it in drawn
    )  # the figures, not only that there are some
    assert all(it.get("aria-hidden") == "true" for it in page.all("svg"))
    assert all(it.get("scope") in ("row", "col") for it in page.all("th"))
    assert {it["aria-labelledby"] for it in page.all("section")} <= page.ids


@pytest.mark.usefixtures("measured")
def test_the_page_fits_dark_and_light_and_figures_take_its_colours(folder: Path, tmp_path: Path) -> None:
    reproduced(folder, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    figures = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert not set(re.findall(r"#[0-9a-f]{6}", figures)) & set(charts.PAGE_COLOURS)
    assert "currentColor" in figures
    assert "var(--first)" in figures


@pytest.mark.usefixtures("measured")
def test_a_title_is_shown_and_never_believed(folder: Path, tmp_path: Path) -> None:
    reproduced(folder, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;co&#39; (1999)" in text
    assert "<script" not in text


@pytest.mark.usefixtures("measured")
def test_json_on_the_terminal_is_the_file_with_rows_in_the_form_of_all_benchmarks(folder: Path, tmp_path: Path) -> None:
    done = reproduced(folder, tmp_path, "--json")
    found = strictly(done.stdout)
    assert found == strictly((tmp_path / "report.json").read_text())
    assert all(set(row) == {"what", "value", "bar", "pass", "quality", "quick"} for row in found["rows"])
    assert all(row["quick"] for row in found["rows"])
    assert len({row["what"] for row in found["rows"]}) == len(found["rows"])
    assert (found["seeds"], len(found["neighbours"])) == ([0], 2 * 5)
    assert len(found["curves"][0]["validation"]) == reproduce.Effort.shortened().epochs


@pytest.mark.usefixtures("measured")
def test_bars_are_for_the_articles_ratings_only(folder: Path, tmp_path: Path) -> None:
    rows = strictly(reproduced(folder, tmp_path, "--json").stdout)["rows"]
    assert {(row["bar"], row["pass"]) for row in rows} == {("", None)}
    assert "<strong>Other ratings than the article" in (tmp_path / "report.html").read_text()


def of_the_article(figures: Figures, heat: tuple[int, ...], toy_story: tuple[int, ...]) -> dict[str, Any]:
    """Rows as they would be if these were the article's ratings and such the neighbours."""
    near = [
        NeighbourList("ease", SIMILAR_DEBIAS, 6, heat),
        NeighbourList("ease", 0.0, 6, (3,)),  # not what is shipped
        NeighbourList("ease", SIMILAR_DEBIAS, 1, toy_story),
    ]
    lists = replace(figures.lists, lists=tuple(near))
    bundled = replace(figures, facts=Facts(*BUNDLED, "ml"), lists=lists)
    genres = {3: ("Drama",), 4: ("Crime", "Drama"), 5: ("Action", "Romance")}
    return {row.what: row for row in report_rows(bundled, str, lambda it: genres.get(it, ()))}


def test_heat_is_held_to_its_first_five_by_the_shipped_default(figures: Figures) -> None:
    what = "romances and films of drama alone among the first five of Heat"
    fine = of_the_article(figures, (4, 7, 8, 9, 10, 3), (3114, 2))[what]
    assert (fine.value, fine.passed) == ("none", True)  # crime and drama is not drama alone; the sixth does not count
    short = of_the_article(figures, (3, 5, 8, 9, 10), (3114,))[what]
    assert (short.value, short.passed) == ("3, 5", False)


def test_toy_story_2_must_be_first(figures: Figures) -> None:
    assert of_the_article(figures, (), (3114, 2))["first neighbour of Toy Story"].passed is True
    assert of_the_article(figures, (), (2, 3114))["first neighbour of Toy Story"].passed is False
    assert "first neighbour of Toy Story" not in of_the_article(figures, (), ())


def test_each_bar_is_met_on_its_edge_and_missed_beyond(figures: Figures) -> None:
    def passed(name: str, mse: float) -> bool | None:
        changed = [replace(it, by_seed=(mse,)) if it.name == name else it for it in figures.errors.article]
        right = [replace(it, by_seed=(mse,)) if it.name == name else it for it in figures.errors.right]
        errors = replace(figures.errors, article=tuple(changed), right=tuple(right), sparsity=0.01403)
        rows = of_the_article(replace(figures, errors=errors), (), ())
        assert rows["rated cells, movie ids to 9000"].passed
        return rows[f"MSE: {WORDS[name]}"].passed

    assert [passed("article_user", mse) for mse in (9.59, 9.6, 10.0, 10.01)] == [False, True, True, False]
    assert [passed("sgd_ours", mse) for mse in (0.825, 0.826)] == [True, False]


def test_a_missed_bar_is_the_exit_code(folder: Path, tmp_path: Path, measured: Figures) -> None:
    short = of_the_article(measured, (3,), (3114,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cli.report.report_rows", lambda *given: list(short.values()))
        done = reproduced(folder, tmp_path)
    assert done.exit_code == 1
    assert "SHORT" in done.stdout
    assert (tmp_path / "report.html").exists()


@pytest.mark.usefixtures("measured")
def test_without_matplotlib_there_are_tables_and_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts.importlib.util, "find_spec", lambda name: None if name == "matplotlib" else object())
    assert reproduced(folder, tmp_path).exit_code == 0
    page = Page((tmp_path / "report.html").read_text())
    assert not page.all("svg")
    assert len(page.all("table")) >= 5
    assert page.text.count("pip install &#39;posterity[plots]&#39;") == 1


@pytest.mark.usefixtures("measured")
def test_without_posters_page_and_terminal_say_how_to_get_some_and_nothing_is_made(
    folder: Path, tmp_path: Path, own_data: Path
) -> None:
    done = reproduced(folder, tmp_path)
    assert "`posterity embed --wait`, then `posterity rebuild`" in " ".join(done.stdout.split())
    page = (tmp_path / "report.html").read_text()
    assert "<code>posterity embed --wait</code>, then <code>posterity rebuild</code>" in page
    assert strictly((tmp_path / "report.json").read_text())["posters"]["rows"] == []
    assert not own_data.exists()


def card(number: int) -> bytes:
    """A drawn picture; the same number gives the same."""
    buffer = io.BytesIO()
    colours = np.random.default_rng(number).integers(0, 255, (3, 2, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((400, 600), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.usefixtures("measured")
def test_pictures_of_a_folder_are_compared_and_shown_small_the_articles_movies_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for movie in (*range(1, 9), 20):
        (pictures / f"{movie}.png").write_bytes(card(6 if movie == 20 else movie))  # 20 looks as 6 does
    (pictures / "9.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    monkeypatch.setattr(poster_rows, "_encoder", lambda weights: ToyEncoder())
    done = reproduced(folder, tmp_path / "out", "--posters", pictures)
    assert done.exit_code == 0, done.exception
    found = strictly((tmp_path / "out" / "report.json").read_text())["posters"]
    assert found["source"] == "pictures, 9 posters"
    assert [row["movie_id"] for row in found["rows"]][:2] == [6, 1]
    assert len(found["rows"]) == poster_rows.ROWS
    first = found["rows"][0]["neighbours"]
    assert (first[0]["movie_id"], round(first[0]["score"], 6), len(first)) == (20, 1.0, 5)
    assert [it["score"] for it in first] == sorted((it["score"] for it in first), reverse=True)
    assert all(row["movie_id"] != it["movie_id"] for row in found["rows"] for it in row["neighbours"])
    images = Page((tmp_path / "out" / "report.html").read_text()).all("img")
    assert len(images) == 6 * poster_rows.ROWS
    assert all(it["alt"] and (it["src"] or "").startswith("data:image/jpeg;base64,") for it in images)
    assert max(len(it["src"] or "") for it in images) < 20_000


def test_a_folder_that_is_not_there_or_has_no_pictures_is_said(folder: Path, tmp_path: Path, measured: Figures) -> None:
    missing = reproduced(folder, tmp_path / "out", "--posters", tmp_path / "nowhere")
    assert missing.exit_code == 2
    assert "nowhere: there is no such folder" in missing.stderr
    (tmp_path / "empty").mkdir()
    done = reproduced(folder, tmp_path / "out", "--posters", tmp_path / "empty")
    assert done.exit_code == 0
    assert "empty has fewer than two pictures called by a movie id" in " ".join(done.stdout.split())


@pytest.fixture
def published(folder: Path, own_data: Path) -> Iterator[Catalog]:
    """A snapshot of eight posters, toy vectors along a line; the even ones are title cards."""
    settings = Settings(data_dir=own_data)
    catalog = Catalog.open(settings.catalog_url, settings.data_dir)
    import_movielens(catalog, folder)
    catalog.work.enqueue_all()
    claim = catalog.work.claim(Kind.FETCH, 100, 60)
    catalog.work.fetched(claim, [stored(catalog, movie) for movie in range(1, 9)])
    ids = np.arange(1, 9, dtype=np.int64)
    angles = ids / 10
    rows = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1).astype(np.float32)
    cards = (ids % 2 == 0).astype(np.uint8)
    publish(settings.index_dir, SnapshotContents((SpaceContents("poster", 3, "cosine", "toy", ids, [rows], cards),)))
    yield catalog
    catalog.close()


def stored(catalog: Catalog, movie: int) -> PosterFile:
    content = card(movie)
    sha256 = catalog.posters.content.put(content, "image/png")
    generated = movie % 2 == 0
    credit = None if generated else "Pictures by nobody"
    return PosterFile(movie, sha256, "image/png", 400, 600, len(content), "folder", "x", generated, credit, 0.0)


@pytest.mark.usefixtures("measured")
def test_published_posters_are_shown_as_the_service_compares_them_with_their_credit(
    folder: Path, tmp_path: Path, published: Catalog
) -> None:
    done = reproduced(folder, tmp_path / "out")
    assert done.exit_code == 0, done.exception
    found = strictly((tmp_path / "out" / "report.json").read_text())["posters"]
    assert found["source"] == "snapshot 1, 8 posters"
    rows = {row["movie_id"]: row["neighbours"] for row in found["rows"]}
    assert list(rows)[:2] == [6, 1]
    assert [it["movie_id"] for it in rows[1]] == [3, 5, 7]  # real ones only, nearest first
    assert rows[1][0]["score"] == pytest.approx(np.cos(0.2), abs=1e-6)
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("Pictures by nobody") == 1
    assert "Title card of Movie 2 (1999)" in page
    assert "drawn from the titles" in page


@pytest.mark.usefixtures("measured")
def test_a_picture_that_is_gone_leaves_a_gap_and_the_rest_stays(
    folder: Path, tmp_path: Path, published: Catalog
) -> None:
    for movie in (1, 3):
        file = published.posters.files([movie])[movie]
        published.posters.content.path(file.sha256, file.media_type).unlink()
    assert reproduced(folder, tmp_path / "out").exit_code == 0
    rows = strictly((tmp_path / "out" / "report.json").read_text())["posters"]["rows"]
    assert 1 not in [row["movie_id"] for row in rows]
    assert [it["movie_id"] for row in rows if row["movie_id"] == 5 for it in row["neighbours"]] == [7]


@pytest.mark.usefixtures("measured")
def test_old_reports_are_replaced_and_everything_else_in_the_folder_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    assert reproduced(folder, tmp_path).exit_code == 0
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "report.html", "report.json"]


def test_a_folder_that_cannot_be_written_to_is_said_before_any_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "_reproduced", lambda asked: pytest.fail("it went to work"))
    (tmp_path / "file").write_text("")
    done = reproduced(folder, tmp_path / "file")
    assert done.exit_code == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"{tmp_path / 'file'}: the report cannot be written there (File exists); name another --out" in done.stderr


def test_a_disk_that_is_full_at_the_end_keeps_the_old_report_and_leaves_no_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.html").write_text("old")

    def full(path: Path, text: str, encoding: str) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(click.ClickException, match="No space left on device"):
        reproduce._write(tmp_path, {"report.html": "new"})
    assert (tmp_path / "report.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
