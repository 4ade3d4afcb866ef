"""`posterity import movielens`: a report that people and programs can read, and one line when it cannot be done."""

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.progress import Bar

REPO = Path(__file__).resolve().parents[2]
MOVIES = 'movieId,title,genres\r\n1,"Matrix, The (1999)",Action\r\n2,Heat (1995),Crime\r\n'
RATINGS = "userId,movieId,rating,timestamp\r\n2,1,4.0,5\r\n1,1,3.0,5\r\n1,1,5.0,6\r\n9,7,1.0,1"


def running(folder: Path, *options: str) -> "subprocess.Popen[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("POSTERITY_") and k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "cli.main", "import", "movielens", str(folder), *options]
    env = kept | {"POSTERITY_DATA_DIR": str(folder.parent / "data"), "COLUMNS": "200"}
    return subprocess.Popen(command, env=env, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def imported(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    with running(folder, *options) as child:
        out, err = child.communicate(timeout=60)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ml"
    made.mkdir()
    (made / "movies.csv").write_bytes(b"\xef\xbb\xbf" + MOVIES.encode())
    (made / "ratings.csv.gz").write_bytes(gzip.compress(RATINGS.encode()))
    return made


def test_the_report_says_what_became_of_rows_movies_and_missing_files(folder: Path) -> None:
    done = imported(folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1] == ["movies.csv", "2", "2", "0"]
    assert lines[2][:3] == ["ratings.csv.gz", "4", "2"]
    assert "1 unknown_movie (line 5: movieId '7')" in done.stdout
    assert "1 superseded (a later rating of the same movie by the same user counts)" in done.stdout
    assert "note: there is no links.csv" in done.stdout
    assert done.stdout.splitlines()[-1] == "movies: 2 new, 0 changed, 0 unchanged; ratings: replaced"
    assert imported(folder).stdout.splitlines()[-1] == "movies: 0 new, 0 changed, 2 unchanged; ratings: unchanged"


def test_json_has_the_same_in_numbers(folder: Path) -> None:
    report = json.loads(imported(folder, "--json").stdout)
    assert [(file["rows"], file["used"], file["rejected"]) for file in report["files"]] == [
        (2, 2, {}),
        (4, 2, {"unknown_movie": 1, "superseded": 1}),
    ]
    assert (report["movies_new"], report["movies_changed"], report["ratings_changed"]) == (2, 0, True)


def test_a_gz_cut_short_is_one_line_and_nothing_is_stored(folder: Path) -> None:
    packed = (folder / "ratings.csv.gz").read_bytes()
    (folder / "ratings.csv.gz").write_bytes(packed[:-6])
    done = imported(folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().endswith("ratings.csv.gz: the gzip file is cut short; fetch it again")
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in (folder.parent / "data" / "ratings").iterdir()] == [".import.lock"]


def test_an_import_that_is_killed_leaves_the_old_ratings_and_the_next_one_clears_up(folder: Path) -> None:
    assert imported(folder).returncode == 0
    ratings = folder.parent / "data" / "ratings"
    (old,) = ratings.glob("*.parquet")
    content = old.read_bytes()
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating\n" + "".join(f"{user},1,4.0\n" for user in range(1, 10**6))
    )
    with running(folder) as child:
        deadline = time.monotonic() + 60
        while not list(ratings.glob(".*.part")):
            assert child.poll() is None, "it ended before it wrote anything"
            assert time.monotonic() < deadline
        child.kill()
        child.wait()
    assert list(ratings.glob(".*.part"))
    assert (list(ratings.glob("*.parquet")), old.read_bytes()) == ([old], content)
    (folder / "ratings.csv").unlink()
    assert imported(folder).stdout.splitlines()[-1] == "movies: 0 new, 0 changed, 2 unchanged; ratings: unchanged"
    assert sorted(path.name for path in ratings.iterdir()) == [".import.lock", old.name]


def test_without_a_terminal_bytes_and_their_rate_are_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("cli.progress.time.monotonic", lambda: now[0])
    with Bar("reading", in_bytes=True) as bar:
        for second in range(1, 31):
            now[0] += 1
            bar.update("reading ratings.csv", second * 2_000_000, 60_000_000)
        for second in range(1, 11):
            now[0] += 1
            bar.update("sorting ratings", second * 1_000_000, 10_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "reading ratings.csv: 20.0 MB of 60.0 MB, 2.0 MB/s",
        "reading ratings.csv: 40.0 MB of 60.0 MB, 2.0 MB/s",
        "reading ratings.csv: 60.0 MB of 60.0 MB, 2.0 MB/s",
        "sorting ratings: 10.0 MB of 10.0 MB, 1.0 MB/s",
    ]
