"""Ratings files that are broken, foreign or malicious, each with what must come of it."""

import gzip
import zlib
from dataclasses import dataclass

HEADER = "userId,movieId,rating,timestamp\n"
GOOD = "".join(f"{user},{movie},3.5,{100 + user}\n" for user in range(1, 41) for movie in range(1, 11))  # 400 rows
ROWS, BAD_AT = 400, 202  # rows of GOOD; the line after its 200th row, counted as editors do


@dataclass(frozen=True, slots=True)
class RatingsFile:
    """`bad`: how many of its rows are refused; None: the file is. `says`: words of the refusal or the example."""

    name: str
    content: bytes
    bad: int | None
    says: str = ""
    suffix: str = ".csv"


def middle(row: str) -> bytes:
    """GOOD with one more row at line BAD_AT."""
    lines = GOOD.splitlines(keepends=True)
    return (HEADER + "".join(lines[:200]) + row + "\n" + "".join(lines[200:])).encode()


def files() -> list[RatingsFile]:
    return [*_rows(), *_refused(), *_fine(), *_packed()]


def _rows() -> list[RatingsFile]:
    """One bad row among 400: it is counted, and the example names its line."""
    rows = {
        "no user": ",1,3.0,1",
        "letters for a user": "x,1,3.0,1",
        "negative user": "-1,1,3.0,1",
        "user 0": "0,1,3.0,1",
        "user of 2^31": "2147483648,1,3.0,1",
        "user of 30 digits": "9" * 30 + ",1,3.0,1",
        "user with an underscore": "1_0,1,3.0,1",
        "Arabic digits": "\u0661,1,3.0,1",
        "user as a fraction": "1.0,1,3.0,1",
        "user in hex": "0x10,1,3.0,1",
        "movie of 10^9": "1,1000000000,3.0,1",
        "movie of 2^63": "1,9223372036854775808,3.0,1",
        "negative movie": "1,-1,3.0,1",
        "NaN": "99,1,NaN,1",
        "infinity": "99,1,inf,1",
        "minus infinity": "99,1,-Infinity,1",
        "exponent": "99,1,1e0,1",
        "huge exponent": "99,1,1e999,1",
        "no rating": "99,1,,1",
        "rating 0": "99,1,0,1",
        "rating 5.5": "99,1,5.5,1",
        "decimal comma": '99,1,"3,5",1',
        "rating with a sign": "99,1,+3,1",
        "rating of 4 kB": f"99,1,3.{'0' * 4096},1",
        "formula": "=1+1,1,3.0,1",
        "formula for a rating": "99,1,=cmd|' /C calc'!A0,1",
        "time in words": "99,1,3.0,soon",
        "negative time": "99,1,3.0,-1",
        "time of 20 digits": "99,1,3.0," + "9" * 20,
        "a NUL": "99,1,3.0,1\0",
        "a column more": "99,1,3.0,1,1",
        "a column less": "99,1,3.0",
        "9999 columns": "99,1,3.0,1" + ",x" * 9995,
        "spaces": "99, 1, 3.0, 1",
        "HTML": "<script>alert(1)</script>,1,3.0,1",
        "header again": HEADER.strip(),
    }
    two = [
        RatingsFile("behind a row too short", middle("99,1,3.0\n99,1,9,1"), 2, f"line {BAD_AT + 1}: rating"),
        RatingsFile("between rows too short", middle("9\n99,1,9,1\n9"), 3, f"line {BAD_AT + 1}: rating"),
        RatingsFile("two lines in quotes", middle('"99\n",1,3.0,1'), 2, f"line {BAD_AT}"),
    ]
    return two + [RatingsFile(name, middle(row), 1, f"line {BAD_AT}") for name, row in rows.items()]


def _refused() -> list[RatingsFile]:
    half = "".join(f"{user},1,9.0,1\n" for user in range(1, 300))
    no = "not a ratings file"
    return [
        RatingsFile("nothing", b"", None, no),
        RatingsFile("header only", HEADER.encode(), None, "no rows"),
        RatingsFile("no header", GOOD.encode(), None, no),
        RatingsFile("other header", b"a,b,c\n1,2,3\n", None, no),
        RatingsFile("semicolons", (HEADER + GOOD).replace(",", ";").encode(), None, no),
        RatingsFile("tabs", (HEADER + GOOD).replace(",", "\t").encode(), None, no),
        RatingsFile("HTML", b"<!doctype html><html></html>" * 50, None, no),
        RatingsFile("zeros", bytes(100_000), None),
        RatingsFile("picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, None),
        RatingsFile("UTF-16", (HEADER + GOOD).encode("utf-16"), None),
        RatingsFile("Latin-1 in a row", middle("99,1,3.0,\xe9").decode().encode("latin-1"), None, "CSV"),
        RatingsFile("two user columns", ("userId," + HEADER + "1,1,1,3.0,1\n").encode(), None),
        RatingsFile("quote that never ends", middle('99,"1,3.0,1'), None, "201 of 401 rows are broken"),
        RatingsFile(
            "two quotes, 200 lines between them", middle('99,"1,3.0,1') + b'99",1,3.0,1\n', None, "rows are broken"
        ),
        RatingsFile("half of it bad", (HEADER + half + GOOD).encode(), None, "of 699 rows are broken (limit 1 %)"),
        RatingsFile("all bad", (HEADER + half).encode(), None, "line 2"),
        RatingsFile("header of 9 MB", b"userId," + b"x" * 9_000_000, None, no),
        RatingsFile("a line of 20 MB", (HEADER + GOOD).encode() + b"1," * 10_000_000, None),
    ]


def _fine() -> list[RatingsFile]:
    whole = HEADER + GOOD
    return [
        RatingsFile("plain", whole.encode(), 0),
        RatingsFile("byte order mark", b"\xef\xbb\xbf" + whole.encode(), 0),
        RatingsFile("CRLF", whole.replace("\n", "\r\n").encode(), 0),
        RatingsFile("CR only", whole.replace("\n", "\r").encode(), 0),
        RatingsFile("empty lines", whole.replace("\n", "\n\n").encode(), 0),
        RatingsFile("no last line end", whole.rstrip().encode(), 0),
        RatingsFile("leading zeros", (HEADER + "".join(f"000{line}\n" for line in GOOD.split())).encode(), 0),
    ]


def _packed() -> list[RatingsFile]:
    packed = gzip.compress((HEADER + GOOD).encode())
    bomb = gzip.compress((HEADER + GOOD).encode() + bytes(200_000_000), 1)
    return [
        RatingsFile("gzip", packed, 0, suffix=".csv.gz"),
        RatingsFile("gzip in two parts", packed + gzip.compress(b"99,1,3.0,soon\n"), 1, "line 402", ".csv.gz"),
        RatingsFile("half a gzip", packed[: len(packed) // 2], None, "cut short", ".csv.gz"),
        RatingsFile("no gzip", GOOD.encode(), None, "gzip", ".csv.gz"),
        RatingsFile("overwritten gzip", packed[:200] + bytes(40) + packed[240:], None, "", ".csv.gz"),
        RatingsFile("garbage behind a gzip", packed + b"garbage", None, "", ".csv.gz"),
        RatingsFile("deflate", zlib.compress(GOOD.encode()), None, "gzip", ".csv.gz"),
        RatingsFile("gzip of 200 MB of zeros", bomb, None, "", ".csv.gz"),
    ]
