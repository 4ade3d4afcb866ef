"""Log lines: whole JSON, joined by ids, without a secret in them."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from config.logs import (
    HIDDEN,
    TOGETHER,
    JsonLines,
    Lines,
    Redacting,
    enter_context,
    formatter,
    log_context,
    secret_values,
)
from config.settings import Settings

SECRET = "a-secret-of-the-house"


@pytest.fixture(autouse=True)
def nothing_before() -> None:
    """This thread belongs to no request; another test may have left one."""
    enter_context()


@pytest.fixture
def written() -> Callable[..., str]:
    """The line that a formatter makes of one call."""

    def write(formatter: logging.Formatter, call: Callable[[logging.Logger], Any]) -> str:
        log, stream = logging.Logger("workers.embed"), io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        log.addHandler(handler)
        call(log)
        return stream.getvalue().strip()

    return write


def test_a_line_is_one_json_object_with_its_fields_and_those_of_its_context(written: Callable[..., str]) -> None:
    with log_context(request_id="r1", job_id="j1"):
        line = written(JsonLines(), lambda log: log.warning("%d embedded", 3, extra={"movies": 3, "job_ids": ["j1"]}))
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("warning", "workers.embed", "3 embedded")
    assert (told["request_id"], told["job_id"], told["movies"], told["job_ids"]) == ("r1", "j1", 3, ["j1"])
    assert told["time"].endswith("+00:00")
    assert told["process"] > 0


def test_what_a_process_always_says_stands_in_every_line(written: Callable[..., str]) -> None:
    line = written(formatter(Settings(log_format="json"), worker_id="embed-1@here"), lambda log: log.error("x"))
    assert json.loads(line)["worker_id"] == "embed-1@here"


def test_a_context_ends_with_its_block_and_the_next_request_begins_anew(written: Callable[..., str]) -> None:
    with log_context(request_id="r1"):
        pass
    assert "request_id" not in json.loads(written(JsonLines(), lambda log: log.error("x")))
    with log_context():
        enter_context(request_id="r2")
        enter_context(request_id="r3")
        assert json.loads(written(JsonLines(), lambda log: log.error("x")))["request_id"] == "r3"


def test_an_exception_stays_within_its_line(written: Callable[..., str]) -> None:
    def fail(log: logging.Logger) -> None:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            log.exception("went\nwrong")

    line = written(JsonLines(), fail)
    assert "\n" not in line
    assert "ValueError: first\nsecond" in json.loads(line)["exception"]


@pytest.mark.parametrize("form", [JsonLines, Redacting])
def test_no_secret_leaves_whichever_part_of_the_line_it_stands_in(
    form: type[Redacting], written: Callable[..., str]
) -> None:
    def tell(log: logging.Logger) -> None:
        try:
            raise ValueError(f"token {SECRET}")
        except ValueError:
            log.exception("asked with %s", SECRET, extra={"url": f"http://u:{SECRET}@host"})

    line = written(form([SECRET]), tell)
    assert SECRET not in line
    assert line.count(HIDDEN) >= 3


def test_the_secrets_are_the_tokens_and_the_passwords_within_addresses() -> None:
    settings = Settings.model_validate(
        {
            "admin_token": "t" * 32,
            "tmdb_token": "tmdb-token",
            "database_url": "postgresql+psycopg://posterity:p@ss:word@host/db",
            "broker_url": "redis://:redis-password@host:6379/0",
        }
    )
    assert set(secret_values(settings)) == {"t" * 32, "tmdb-token", "p@ss:word", "redis-password"}
    assert secret_values(Settings()) == []


def test_a_password_written_for_an_address_is_hidden_in_clear_too(written: Callable[..., str]) -> None:
    settings = Settings(database_url="postgresql+psycopg://posterity:pass%2Fword@host/db")
    for told in ("pass%2Fword", "pass/word"):
        assert told not in written(formatter(settings), lambda log, told=told: log.error("with %s", told))  # type: ignore[misc]


def test_text_for_people_ends_with_what_the_line_belongs_to(written: Callable[..., str]) -> None:
    line = written(Redacting(), lambda log: log.info("posters", extra={"job_ids": ["a", "b"]}))
    assert line.endswith("INFO workers.embed: posters [job_ids=a,b]")


def test_lines_written_together_are_whole_and_as_few_pieces_as_the_system_keeps_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda _, piece: pieces.append(piece) or len(piece))
    handler = Lines(sys.__stderr__ or sys.stderr)
    handler.setFormatter(JsonLines())
    long = "x" * (TOGETHER + 1)
    told = [*(f"line {number}" for number in range(100)), long, "behind it"]
    handler.emit_all([logging.makeLogRecord({"msg": text}) for text in told])
    lines = b"".join(pieces).decode().splitlines()
    assert [json.loads(line)["message"] for line in lines] == told
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert [len(piece) <= TOGETHER for piece in pieces].count(False) == 1
    assert len(pieces) < 10


def test_a_line_that_cannot_be_made_says_where_it_was_logged_without_a_secret_and_takes_no_other_with_it() -> None:
    stream = io.StringIO()
    handler = Lines(stream)
    handler.setFormatter(JsonLines([SECRET]))
    bad = logging.makeLogRecord({"msg": "%d", "args": (SECRET,), "pathname": "embed.py", "lineno": 7})
    worse = logging.makeLogRecord({"msg": _Unspeakable()})
    handler.emit_all([logging.makeLogRecord({"msg": "before"}), bad, worse, logging.makeLogRecord({"msg": "after"})])
    before, instead, secret, after = (json.loads(line)["message"] for line in stream.getvalue().splitlines())
    assert (before, after) == ("before", "after")
    assert instead.startswith("a line logged at embed.py:7 cannot be made: TypeError: ")
    assert secret.endswith(f"cannot be made: ValueError: {HIDDEN}")


class _Unspeakable:
    def __str__(self) -> str:
        raise ValueError(SECRET)


def test_a_long_line_that_the_system_takes_in_parts_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []

    def some(_: int, piece: bytes) -> int:
        taken.append(piece[:1000])
        return len(taken[-1])

    monkeypatch.setattr(os, "write", some)
    handler = Lines(sys.__stderr__ or sys.stderr)
    handler.setFormatter(JsonLines())
    handler.emit(logging.makeLogRecord({"msg": "x" * 2 * TOGETHER}))
    assert len(taken) > 2
    assert json.loads(b"".join(taken))["message"] == "x" * 2 * TOGETHER


def test_what_the_thread_has_in_hand_is_written_before_the_process_ends() -> None:
    program = (
        "import logging, sys, time\n"
        "from config.later import Later\n"
        "class Slow:\n"
        "    def emit_all(self, records):\n"
        "        for record in records:\n"
        "            time.sleep(0.005)\n"
        "            print(record.msg, flush=True)\n"
        "later = Later(Slow())\n"
        "for number in range(40): later.emit(logging.makeLogRecord({'msg': number}))\n"
        "time.sleep(0.1)\n"  # the thread is in the middle of it: half a dozen of 40 lines are written
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [str(number) for number in range(40)]
