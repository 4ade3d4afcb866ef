"""`posterity evaluate`: tables, JSON, folds and figures, and one line when it cannot be done."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import figures
from cli.evaluate import all_methods, evaluate_command
from cli.session import session
from ratings.baselines import baseline_predictors, baseline_rankers
from ratings.errors import BadFile
from workers.importing import import_movielens

GENRES = ("Crime|Drama", "Comedy", "Comedy|Romance", "(no genres listed)")
BAR = "ml-100k's own five folds: RMSE of the best method, mean of five"
FIGURES = ("mse.png", "ndcg.png", "popularity.png")


def evaluated(*options: object) -> Result:
    return CliRunner().invoke(evaluate_command, [str(option) for option in options])


def figures_of(*options: object) -> dict[str, dict[str, Any]]:
    done = evaluated(*options, "--json")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return {row["what"]: row for row in json.loads(done.stdout)}


def made_up(seed: int, users: int = 30, movies: int = 40) -> list[tuple[int, int, float]]:
    """Ratings in which movies with small ids are known better and liked better."""
    draw = np.random.default_rng(seed)
    return [
        (user, movie, float(np.clip(draw.integers(3, 7) - movie // 15, 1, 5)))
        for user in range(1, users + 1)
        for movie in range(1, movies + 1)
        if draw.random() < 1 - movie / 60
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ml-tiny"
    made.mkdir()
    movies = [f"{movie},Movie {movie} (1999),{GENRES[movie % 4]}" for movie in range(1, 41)]
    (made / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies]))
    lines = [f"{user},{movie},{stars},1" for user, movie, stars in made_up(0)]
    (made / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *lines]))
    return made


@pytest.fixture
def folds(tmp_path: Path) -> Path:
    """A folder of ml-100k's form, one fifth of the ratings in each test file."""
    made = tmp_path / "ml-100k"
    made.mkdir()
    lines = [f"{user}\t{movie}\t{stars:.0f}\t874965758\n" for user, movie, stars in made_up(1)]
    for fold in range(5):
        (made / f"u{fold + 1}.test").write_text("".join(lines[fold::5]))
        (made / f"u{fold + 1}.base").write_text("".join(line for at, line in enumerate(lines) if at % 5 != fold))
    return made


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERITY_DATA_DIR", str(tmp_path / "posterity-data"))


@pytest.fixture(autouse=True)
def baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is what is tested here, and the baselines are fitted at once."""
    monkeypatch.setattr("cli.evaluate.all_methods", lambda quick: (baseline_predictors(), baseline_rankers()))


def test_both_tables_name_every_method_its_setting_and_the_data(folder: Path) -> None:
    done = evaluated("--data", folder)
    assert done.exit_code == 0
    assert "(ml-tiny)" in done.stdout.splitlines()[0]
    errors, lists = done.stdout.split("Lists of unseen movies")
    rows = {line.split("  ")[0]: line for line in errors.splitlines()}
    assert "damping" in rows["biases"]
    assert "best" in rows["biases"]
    assert "global mean" in rows
    assert "popularity" in lists
    assert "the held-out ones were looked at once" in lists


def test_json_has_one_row_a_figure_in_the_form_of_the_benchmarks(folder: Path) -> None:
    found = figures_of("--data", folder, "--quick")
    assert set(found["biases: MSE"]) == {"what", "value", "bar", "pass", "quality", "quick"}
    assert all(row["quick"] and row["pass"] is None for row in found.values())
    assert float(found["biases: RMSE"]["value"]) ** 2 == pytest.approx(float(found["biases: MSE"]["value"]), abs=1e-3)
    assert found["biases: MSE"]["quality"].startswith("95 % ")
    for name in ("NDCG@10", "recall@20", "MRR", "different movies shown", "ratings of a movie shown, mean"):
        assert float(found[f"popularity: {name}"]["value"]) > 0


def test_the_seed_decides_and_the_split_can_be_chosen(folder: Path) -> None:
    first = figures_of("--data", folder)
    assert {what: row["value"] for what, row in figures_of("--data", folder).items()} == {
        what: row["value"] for what, row in first.items()
    }
    errors, lists = "biases: MSE", "popularity: NDCG@10"
    other_seed = figures_of("--data", folder, "--seed", 5)
    assert other_seed[errors]["value"] != first[errors]["value"]
    counted, shared = figures_of("--data", folder, "--split", "count"), figures_of("--data", folder, "--split", "share")
    assert counted[errors]["value"] == first[errors]["value"] != shared[errors]["value"]  # ten a user for errors,
    assert shared[lists]["value"] == first[lists]["value"] != counted[lists]["value"]  # 20 % for lists


def test_only_the_methods_asked_for_are_measured(folder: Path) -> None:
    found = figures_of("--data", folder, "--methods", "Biases")
    assert {what.split(":")[0] for what in found} == {"biases"}
    by_part = figures_of("--data", folder, "--methods", "mean, POP")
    assert {what.split(":")[0] for what in by_part} == {"global mean", "popularity"}
    for wrong, name in (("biases,magic", "magic"), ("biases,", "")):
        done = evaluated("--data", folder, "--methods", wrong)
        assert done.exit_code == 2
        assert f"no method is called '{name}'; there are: global mean; biases; popularity" in done.stderr


def test_the_catalog_comes_first_and_without_its_ratings_the_bundled_data(folder: Path) -> None:
    with session() as opened:
        import_movielens(opened.catalog, folder)
    done = evaluated("--methods", "global mean")
    assert done.stdout.splitlines()[0] == f"{len(made_up(0)):,} ratings of 40 movies by 30 users (catalog)"


def test_an_empty_catalog_means_the_data_that_come_with_the_program() -> None:
    done = evaluated("--methods", "global mean")
    assert done.stdout.splitlines()[0] == "100,004 ratings of 9,066 movies by 671 users (ml-latest-small)"


def test_what_cannot_be_measured_says_why_and_the_exit_code_tells(folder: Path) -> None:
    (folder / "ratings.csv").write_text("userId,movieId,rating\n1,1,4\n")
    done = evaluated("--data", folder)
    assert done.exit_code == 1
    assert "global mean failed: no ratings are held out" in done.stdout
    assert "popularity failed: nobody has a rating to learn from" in done.stdout
    (folder / "ratings.csv").unlink()
    missing = evaluated("--data", folder)
    assert isinstance(missing.exception, BadFile)
    assert str(missing.exception).endswith("ml-tiny: it has no ratings.csv, so there is nothing to evaluate")


def test_the_folds_give_an_rmse_each_their_mean_and_the_bar(folds: Path) -> None:
    found = figures_of("--folds", folds)
    row = found["biases: RMSE, mean of the folds"]
    each = [float(value) for value in row["quality"].split(", ")]
    assert len(each) == 5
    assert float(row["value"]) == pytest.approx(np.mean(each), abs=1e-4)
    bar = found[BAR]
    assert (bar["value"], bar["bar"], bar["quality"]) == (row["value"], "<= 0.919", "biases")
    assert bar["pass"] is (float(row["value"]) <= 0.919)


def test_the_folds_table_ends_with_the_verdict_and_the_exit_code_follows(folds: Path) -> None:
    done = evaluated("--folds", folds, "--methods", "global mean")
    told = next(line for line in done.stdout.splitlines() if "the best mean is" in line)
    assert told.startswith("SHORT: the best mean is ")
    assert done.exit_code == 1
    assert evaluated("--folds", folds).exit_code == (0 if figures_of("--folds", folds)[BAR]["pass"] else 1)


def test_a_missing_fold_is_named(folds: Path) -> None:
    (folds / "u3.test").unlink()
    assert str(evaluated("--folds", folds).exception).startswith(f"{folds / 'u3.test'}: the file is missing")
    both = evaluated("--folds", folds, "--split", "share")
    assert "--folds brings its own ratings and splits" in both.stderr
    nothing = evaluated("--folds", folds, "--methods", "popularity")
    assert "--folds is for methods that predict stars" in nothing.stderr


def test_figures_are_written_as_png_of_a_readable_size(folder: Path, tmp_path: Path) -> None:
    done = evaluated("--data", folder, "--plots", tmp_path / "new" / "figures")
    assert done.exit_code == 0
    for name in FIGURES:
        head = (tmp_path / "new" / "figures" / name).read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", head[16:])
        assert (width, height >= 200) == (1200, True)
        assert f"wrote {tmp_path / 'new' / 'figures' / name}" in done.stderr


def test_a_folder_for_figures_that_cannot_be_made_is_said_before_the_work(folder: Path) -> None:
    done = evaluated("--data", folder, "--plots", folder / "movies.csv" / "figures")
    assert (done.stdout, done.exit_code) == ("", 2)
    assert "figures cannot be a folder for figures: Not a directory" in done.stderr


def test_figures_without_matplotlib_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures.importlib.util, "find_spec", lambda name: None)
    done = evaluated("--data", tmp_path / "nowhere", "--plots", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.strip() == "Error: figures need matplotlib: pip install 'posterity[plots]'"


def test_names_are_told_apart_and_quick_leaves_no_choice() -> None:
    for methods in all_methods(quick=False):
        assert len({method.name.lower() for method in methods}) == len(methods)
    for methods in all_methods(quick=True):
        assert all(len(method.settings) == 1 for method in methods)
