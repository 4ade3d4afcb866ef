"""The pictures that the embedding benchmark encodes, and a server on this machine that hands them out as TMDB does.

Run: python -m benchmarks.embed_pictures FOLDER     (prints its port, serves until standard input ends)
"""

import io
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from posters.decoding import decode
from posters.errors import PosterRejected
from posters.poster import PosterRequest
from posters.titlecard import draw_card

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
GENERATED = 64
GENRES = ("Action", "Comedy", "Crime", "Drama", "Horror", "Romance", "Sci-Fi", "Western")
PATH = re.compile(r"/3/movie/([0-9]+)|/t/p/\w+/([0-9]+)\.jpg")


def pictures(folder: Path | None) -> list[bytes]:
    """The readable posters of a folder by name; without one title cards as JPEG of 342 x 513, TMDB's usual width.

    Raises:
        SystemExit: the folder has none.
    """
    if folder is None:
        return [_card(number) for number in range(GENERATED)]
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    found = [content for file in files if _readable(content := file.read_bytes(), file.name)]
    if not found:
        raise SystemExit(f"{folder} has no poster that can be read; give a folder with {', '.join(SUFFIXES)} files")
    return found


def one_of_its_own(content: bytes, movie_id: int) -> bytes:
    """The same picture as other bytes, or it would be encoded once for all movies; decoders stop before the end."""
    return content + f"movie {movie_id}".encode()


def _card(number: int) -> bytes:
    genres = (GENRES[number % len(GENRES)], GENRES[number // len(GENRES) % len(GENRES)])
    buffer = io.BytesIO()
    draw_card(PosterRequest(number, f"The Movie of Number {number}", 1950 + number, genres, None, None)).save(
        buffer, "JPEG", quality=88
    )
    return buffer.getvalue()


def _readable(content: bytes, name: str) -> bool:
    try:
        decode(content, name)
    except PosterRejected:
        return False
    return True


class PictureServer(ThreadingHTTPServer):
    """Every TMDB id is a movie, whose poster is one of the pictures."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, contents: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.contents = contents

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Media type and body of one address, None where nothing is."""
        found = PATH.fullmatch(path)
        if found is None:
            return None
        if found[1]:
            entry = {"id": int(found[1]), "title": f"Movie {found[1]}", "poster_path": f"/{found[1]}.jpg"}
            return "application/json", json.dumps(entry).encode()
        movie_id = int(found[2])
        return "image/jpeg", one_of_its_own(self.contents[movie_id % len(self.contents)], movie_id)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: PictureServer

    def do_GET(self) -> None:
        answer = self.server.answer(self.path)
        status, (media_type, body) = (200, answer) if answer else (404, ("application/json", b"{}"))
        head = f"HTTP/1.1 {status} -\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        """Nothing: the benchmark counts what arrives."""


def main() -> None:
    """Serves until whoever started it goes away."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with PictureServer(pictures(folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
