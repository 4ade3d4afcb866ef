"""`posterity tune`: every combination once, best first, and one line for what cannot be."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.small_movielens import small_movielens
from cli.tune import tune_command
from config.settings import PREFIX


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(f"{PREFIX}DATA_DIR", str(tmp_path / "data"))
    return small_movielens(tmp_path / "ml")


def tune(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(tune_command, ["--data", str(folder), "--folds", "2", *arguments])


def test_every_combination_is_measured_on_every_fold_and_the_best_comes_first(folder: Path) -> None:
    done = tune(folder, "--factors", "2,4", "--l2", "0.1", "--rates", "0.01,0.02", "--json")
    rows = json.loads(done.stdout)
    assert {(row["factors"], row["l2"], row["rate"]) for row in rows} == {
        (factors, 0.1, rate) for factors in (2, 4) for rate in (0.01, 0.02)
    }
    assert [row["rmse_mean"] for row in rows] == sorted(row["rmse_mean"] for row in rows)
    assert all(len(row["epochs"]) == 2 for row in rows)


def test_the_table_names_the_settings_and_where_a_rate_diverged(folder: Path) -> None:
    done = tune(folder, "--factors", "4", "--l2", "0.1", "--rates", "0.01,9")
    assert done.exit_code == 0
    assert "Cross-validation on 2 folds" in done.stdout
    assert "diverged" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("option", "value"), [("--factors", "4.5"), ("--factors", ""), ("--l2", "0"), ("--rates", "nan"), ("--l2", "-1,2")]
)
def test_what_is_no_list_of_numbers_is_refused_by_name(folder: Path, option: str, value: str) -> None:
    done = tune(folder, option, value)
    assert done.exit_code == 2
    assert option in done.stderr
    assert "separated by commas" in done.stderr
