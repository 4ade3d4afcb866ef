"""A server in TMDB's place that sends back what it was sent: whoever repeats what it says gives his token away."""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SHOWN = 200  # characters of a message that we repeat (posters/tmdb_answers.py)


class Echo:
    """On loopback; `status` is what it answers, `asked` the Authorization headers that came."""

    def __init__(self) -> None:
        self.status, self.asked = int(HTTPStatus.IM_A_TEAPOT), list[str]()
        echo = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                given = self.headers.get("Authorization", "")
                echo.asked.append(given)
                token = given.removeprefix("Bearer ")
                # A message that is cut after SHOWN characters is cut within the token, the second time it stands there.
                said = f"{token} is no token".ljust(SHOWN - len(token) // 2, ".") + token
                self._answer(json.dumps({"status_code": 7, "status_message": said, "success": False}).encode(), token)

            def _answer(self, body: bytes, token: str) -> None:
                self.send_response(echo.status, token)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Given", token)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}/3"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
