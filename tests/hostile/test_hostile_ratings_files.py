"""T15: a ratings file is refused with its reason, or every row of it is accounted for; memory goes with the rows."""

import random
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from ratings.columns import RatingColumns
from ratings.errors import BadFile, RatingsError, TooManyBadRows
from ratings.reading import read_ratings_csv
from ratings.tally import ReadingReport
from tests.acceptance.installation import REPO
from tests.hostile.ratings_files import GOOD, HEADER, ROWS, RatingsFile, files
from tests.plan import Judge

KNOWN = np.arange(1, 11, dtype=np.int64)
SEED, EXAMPLES, NIGHTLY_EXAMPLES = 15, 200, 5000
MEGABYTE = 1_000_000


def read(content: bytes, suffix: str = ".csv") -> tuple[RatingColumns, ReadingReport]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"ratings{suffix}"
        path.write_bytes(content)
        return read_ratings_csv(path, KNOWN)


def accounted(columns: RatingColumns, report: ReadingReport) -> bool:
    return (
        report.rows == report.used + sum(report.rejected.values())
        and report.used == len(columns)
        and bool(np.isfinite(columns.ratings).all() and (columns.ratings >= 0.5).all() and (columns.ratings <= 5).all())
        and bool((columns.user_ids >= 1).all() and np.isin(columns.movie_ids, KNOWN).all())
    )


def wrong_with(file: RatingsFile) -> str:
    """ "" where it is as it should be."""
    try:
        columns, report = read(file.content, file.suffix)
    except RatingsError as err:
        named = "ratings.csv" in str(err) and len(str(err).splitlines()) == 1 and file.says in str(err)
        return "" if file.bad is None and named else f"{file.name}: {err}"
    if file.bad is None:
        return f"{file.name}: taken, {report}"
    bad = sum(report.rejected.values())
    told = file.bad == 0 or any(file.says in example for example in report.examples.values())
    right = accounted(columns, report) and bad == file.bad and told and report.used == ROWS
    return "" if right else f"{file.name}: {report.rows} rows, {dict(report.rejected)}, {dict(report.examples)}"


def test_every_file_is_refused_in_one_line_or_accounted_for_row_by_row(judge: Judge) -> None:
    cases = files()
    assert len(cases) >= 60
    wrong = [said for case in cases if (said := wrong_with(case))]
    judge("T15", "ratings files", len(cases), "typed error, or all rows", f"{len(wrong)} wrong {wrong[:6]}", not wrong)


CELL = st.one_of(
    st.integers(-2, 12).map(str),
    st.sampled_from(["3.5", "5", "0.5", "0.49", "nan", "inf", "1e3", "", " ", '"', '""', "1000000000", "2147483648"]),
    st.text(max_size=4),
)
LINE = st.one_of(
    st.tuples(st.integers(1, 40), st.integers(1, 12), st.sampled_from(["0.5", "3", "5.0"]), st.integers(0, 9)).map(
        lambda row: ",".join(map(str, row))
    ),
    st.lists(CELL, min_size=1, max_size=6).map(",".join),
    st.text(max_size=20),
)
ENDS = st.sampled_from(["\n", "\r\n", "\n\n"])


def test_any_text_is_refused_in_one_line_or_accounted_for(judge: Judge, nightly: bool) -> None:
    outcomes = {"taken": 0, "rows": 0, "file": 0}

    @seed(SEED)
    @settings(
        max_examples=NIGHTLY_EXAMPLES if nightly else EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(lines=st.lists(LINE, max_size=30), end=ENDS, padded=st.booleans())
    def check(lines: list[str], end: str, padded: bool) -> None:
        """Beside 400 good rows two or three bad ones are let through, alone hardly any."""
        body = HEADER.strip() + end + (GOOD.replace("\n", end) if padded else "") + end.join(lines) + end
        try:
            columns, report = read(body.encode("utf-8", "surrogatepass"))
        except TooManyBadRows as err:
            assert "line " in str(err)
            outcomes["rows"] += 1
        except BadFile as err:
            assert "ratings.csv: " in str(err)
            outcomes["file"] += 1
        else:
            assert accounted(columns, report)
            outcomes["taken"] += 1

    try:
        check()
        failure = ""
    except Exception as err:  # noqa: BLE001 (an assertion or an error nobody foresaw)
        failure = f" {type(err).__name__}: {err}"[:300]
    times = sum(outcomes.values())
    assert failure or min(outcomes.values()) > 0, f"one outcome never came: {outcomes}"
    judge("T15", f"any text (seed {SEED})", times, "typed error, or all rows", f"{outcomes}{failure}", not failure)


def test_the_order_of_the_rows_makes_no_difference(judge: Judge, nightly: bool) -> None:
    rounds, draw = 50 if nightly else 5, random.Random(SEED)
    rows = [f"{draw.randint(1, 30)},{draw.randint(1, 10)},{draw.randint(1, 10) / 2},{at}\n" for at in range(2000)]
    bad = [f"x,1,3.0,{at}\n" for at in range(9)]
    columns, report = read((HEADER + "".join([*rows, *bad])).encode())
    different = 0
    for _ in range(rounds):
        mixed = draw.sample([*rows, *bad], len(rows) + len(bad))
        other, other_report = read((HEADER + "".join(mixed)).encode())
        same = all((getattr(columns, name) == getattr(other, name)).all()
                   for name in ("user_ids", "movie_ids", "ratings", "timestamps"))  # fmt: skip
        different += not (same and dict(report.rejected) == dict(other_report.rejected))
    assert 200 < report.used <= 300
    judge("T15", f"order of rows (seed {SEED})", rounds, "same ratings", f"{different} others", different == 0)


MEASURED = """
import sys
from pathlib import Path
import numpy as np
from ratings.matrix import RatingsMatrix
from ratings.reading import read_ratings_csv
from tests.hostile.image_child import forget_peak, memory_bytes

def matrix(path, known):
    columns, _ = read_ratings_csv(path, known)
    return RatingsMatrix.from_columns(columns)

folder = Path(sys.argv[1])
matrix(folder / "small.csv", np.array([1, 10**9, 2**31 - 1]))
forget_peak()
before = memory_bytes("VmRSS")
made = matrix(folder / "large.csv", np.array([1, 10**9, 2**31 - 1]))
print(memory_bytes("VmHWM") - before, made.user_items.shape, made.user_items.nnz)
"""
BYTES_A_RATING = 100  # a row in its columns twice (40 B), its sorting order and its place in the matrix
BLOCK_BYTES = 80 * MEGABYTE  # ratings.reading keeps one block of 8 MB as strings


def test_memory_goes_with_the_rows_whatever_their_ids_are(judge: Judge, tmp_path: Path) -> None:
    """Two thirds are of movie 10^9 or 2^31 - 1, by users of up to 2^31 - 1; dense they would take terabytes."""
    draw, rows = np.random.default_rng(SEED), 1_200_000
    users, movies = draw.integers(1, 2**31, rows), draw.choice([1, 10**9, 2**31 - 1], rows)
    lines = "".join(
        f"{user},{movie},3.5,1000000000\n" for user, movie in zip(users.tolist(), movies.tolist(), strict=True)
    )
    (tmp_path / "large.csv").write_text(HEADER + lines)
    (tmp_path / "small.csv").write_text(HEADER + "1,1000000000,3.5,1\n2,1,4.0,1\n")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], cwd=REPO, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    grown, size = int(done.stdout.split()[0]), (tmp_path / "large.csv").stat().st_size
    allowed = 3 * size + BYTES_A_RATING * rows + BLOCK_BYTES
    measured = f"{grown / MEGABYTE:.0f} MB for a file of {size / MEGABYTE:.0f} MB"
    assert "3)" in done.stdout, done.stdout
    bound = f"3 x file + {BYTES_A_RATING} B a row + a block = {allowed / MEGABYTE:.0f} MB"
    judge("T15", "memory, movie 10^9", rows, bound, measured, grown <= allowed)


@pytest.mark.parametrize(("bad", "refused"), [(4, False), (5, True)])
def test_a_file_is_refused_above_one_per_cent_of_bad_rows(bad: int, refused: bool) -> None:
    content = (HEADER + GOOD + "99,1,nan,1\n" * bad).encode()
    if refused:
        with pytest.raises(TooManyBadRows, match=f"{bad} of {ROWS + bad} rows are broken .* line {ROWS + 2}"):
            read(content)
    else:
        assert read(content)[1].rejected == {"bad_rating": bad}
