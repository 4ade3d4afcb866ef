"""Requests at a steady rate, each one's end noted: half on a connection of its own, half on one that is kept."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

ANSWER_WITHIN_S = 30.0
THREADS = 40  # so many that the rate holds while answers take half a second and more


@dataclass(frozen=True)
class Question:
    """What is asked: path, and for a POST the JSON body, made anew from the number of the request."""

    path: str
    body: Callable[[int], Any] | None = None

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"


@dataclass
class Load:
    """Asks while its `with` block lasts; the questions in turn. Nothing is asked twice: a failure is a failure."""

    port: int
    questions: Sequence[Question]
    per_s: float = 50.0
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    posted: int = 0
    took_s: float = 0.0

    def __enter__(self) -> Self:
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._asked, self._began = 0, time.monotonic()
        self._threads = [threading.Thread(target=self._run, args=(n % 2 == 0,)) for n in range(THREADS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.took_s = time.monotonic() - self._began

    @property
    def count(self) -> int:
        """Requests that have ended."""
        return len(self.seconds) + len(self.failures)

    def _run(self, keeps: bool) -> None:
        kept: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            with self._lock:
                number = self._asked
                self._asked += 1
            if self._stop.wait(max(0.0, self._began + number / self.per_s - time.monotonic())):
                break
            connection = kept or http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN_S)
            open_after = self._ask(connection, number, keeps)
            kept = connection if keeps and open_after else None
            if kept is None:
                connection.close()
        if kept:
            kept.close()

    def _ask(self, connection: http.client.HTTPConnection, number: int, keeps: bool) -> bool:
        """One request; True when its connection can be used again."""
        question = self.questions[number % len(self.questions)]
        began = time.monotonic()
        headers = {"Content-Type": "application/json"} if question.body is not None else {}
        headers |= {} if keeps else {"Connection": "close"}
        body = None if question.body is None else json.dumps(question.body(number))
        try:
            connection.request(question.method, question.path, body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as err:
            self._note(question, f"{type(err).__name__}: {err}")
            return False
        if answer.status >= 400:
            self._note(question, str(answer.status))
        else:
            with self._lock:
                self.seconds.append(time.monotonic() - began)
                self.posted += question.body is not None
        return not answer.will_close

    def _note(self, question: Question, what: str) -> None:
        with self._lock:
            self.failures.append(f"{time.monotonic() - self._began:.1f} s: {question.method} {question.path}: {what}")
