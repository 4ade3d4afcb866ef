"""Three hundred requests as bytes: broken lines, two lengths, odd addresses, bodies that no library should read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

HOST = "Host: 127.0.0.1\r\n"
INNER = "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"  # what a smuggler would have answered
DEEP = 5_000
METHODS = (
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "G E T",
    "",
)


@dataclass(frozen=True)
class Raw:
    """One request; `ends` is False where more was promised than comes, `smuggles` where a second one hides in it."""

    name: str
    content: bytes
    ends: bool = True
    smuggles: bool = False


def requests(token: str) -> Iterator[Raw]:
    """All of them; `token` opens the admin routes."""
    yield from _lines()
    yield from _addresses()
    yield from _headers()
    yield from _smuggled()
    yield from _unfinished()
    for method, path in (
        ("POST", "/movies"),
        ("POST", "/ratings"),
        ("PATCH", "/movies/1"),
        ("POST", "/admin/rollback"),
        ("POST", "/movies/2/poster"),
    ):
        for name, body in bodies():
            yield Raw(f"{method} {path}: {name}", _with_body(method, path, body, token))


def bodies() -> Iterator[tuple[str, bytes]]:
    """What is sent where JSON is expected."""
    yield from [
        ("nothing", b""),
        ("NUL", b"\x00"),
        ("half UTF-8", b'{"title": "\xc3'),
        ("UTF-16", '{"title": "x"}'.encode("utf-16")),
    ]
    yield from [
        ("deep lists", b"[" * DEEP),
        ("deep objects", b'{"a":' * DEEP),
        ("deep and closed", b"[" * DEEP + b"]" * DEEP),
    ]
    yield from [
        ("deep in a field", b'{"title": ' + b"[" * DEEP + b"]" * DEEP + b"}"),
        ("brackets in a text", b'{"title": "' + b"[" * DEEP),
    ]
    for value in (
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "9223372036854775808",
        "1" + "0" * 400,
        "9" * 5000,
        "-0",
        "1e-400",
    ):
        yield (
            f"movie_id {value[:12]}",
            f'{{"title": "x", "movie_id": {value}, "user_id": {value}, "generation": {value}}}'.encode(),
        )
    for text in (r"\ud800", r"\udc00\ud800", r"\u0000", r"\u202e", r"\x41", "\u0663", "\u2028", "\x7f", "\x1b[2J"):
        yield f"title {text!r}", f'{{"title": "{text}"}}'.encode()
    yield from [
        ("doubled keys", b'{"title": "x", "title": "y"}'),
        ("doubled by escapes", rb'{"title": "x", "\u0074itle": "y"}'),
    ]
    yield from [
        ("a comment", b'{"title": "x" /* y */}'),
        ("a comma behind", b'{"title": "x",}'),
        ("BOM", b'\xef\xbb\xbf{"title": "x"}'),
    ]
    yield from [
        ("two values", b'{"title": "x"} {"title": "y"}'),
        ("__proto__", b'{"title": "x", "__proto__": {"admin": true}}'),
    ]
    yield from [
        ("ten megabytes", b"x" * 10_000_000),
        ("a megabyte of blanks", b" " * 1_048_577),
        ("501 movies", json.dumps([{"title": "x"}] * 501).encode()),
    ]


def _with_body(method: str, path: str, body: bytes, token: str) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\n{HOST}Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def _line(line: str, rest: str = HOST + "Connection: close\r\n\r\n") -> bytes:
    return f"{line}\r\n{rest}".encode("latin-1")


def _lines() -> Iterator[Raw]:
    for method in METHODS:
        for path in ("/similar?movie_id=1", "/nope"):
            yield Raw(f"method {method!r} {path}", _line(f"{method} {path} HTTP/1.1"))
    for version in (
        "HTTP/0.9",
        "HTTP/1.0",
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/3",
        "HTTP/1.1.1",
        "http/1.1",
        "HTTP/\u0661.\u0661".encode().decode("latin-1"),
        "HTTP/9999",
        "XYZ/1.1",
        "",
    ):
        yield Raw(f"version {version!r}", _line(f"GET /livez {version}"))
    yield Raw("HTTP/0.9 without a version", b"GET /livez\r\n\r\n")
    yield Raw("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 30)
    yield Raw("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), ends=False)
    yield Raw("only blanks", b" \r\n\r\n", ends=False)
    yield Raw("lines before the line", b"\r\n\r\n" + _line("GET /livez HTTP/1.1"))
    yield Raw("a bare LF", b"GET /livez HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n", ends=False)
    yield Raw("a bare CR", b"GET /livez HTTP/1.1\rHost: 127.0.0.1\r\r", ends=False)
    yield Raw("a very long line", _line("GET /" + "x" * 70_000 + " HTTP/1.1"))
    yield Raw("a very long query", _line("GET /similar?movie_id=1&exclude=" + "1," * 40_000 + " HTTP/1.1"))
    yield Raw("random bytes", bytes((i * 7919 + 13) % 256 for i in range(4_000)), ends=False)


def _addresses() -> Iterator[Raw]:
    for path in (
        "http://127.0.0.1/livez",
        "http://evil.example/livez",
        "//evil.example/livez",
        "http://[::1/livez",
        "*",
        "livez",
        "?movie_id=1",
        "#",
        "/../../../../etc/passwd",
        "/static/../../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static/..\\..\\app.py",
        "/static//etc/passwd",
        "/docs/swagger/../../../__init__.py",
        "/docs/swagger/%2e%2e%2f__init__.py",
        "/docs/swagger//etc/passwd",
        "/movies/1/poster/../../../catalog.db",
        "/movies/%31",
        "/movies/1%00",
        "/movies/1%0d%0aX-Evil:%201",
        "/movies/%ff%fe",
        "/movies/%",
        "/movies/%zz",
        "/movies/%c0%af",
        "/movies/\u0663".encode().decode("latin-1"),
        "/movies/1;jsessionid=1",
        "/app/movies/9999999999999999999",
        "/app/movies/<script>alert(1)</script>",
        "/app/users/\xff",
        "/app/users?user_id=%0d%0aSet-Cookie:%20a=b",
        "/?q=%00",
        "/?q=%ff%fe&genre=%80",
        "/?q=" + "%F0%9F%8E%AC" * 600,
        "/?cursor=../../etc",
        "/similar?movie_id=1&movie_id=2",
        "/similar?movie_id=%D9%A3",
        "/similar?movie_id=9223372036854775808",
        "/similar?movie_id=1&k=1e999",
        "/similar?movie_id[]=1",
        "/similar?" + "&".join(f"a{i}=1" for i in range(1_000)),
        "/similar?movie_id=1\x00",
        "/similar?movie_id=1\t",
        "/users/1/recommendations?k=%2b5",
        "/predict?user_id=NaN&movie_id=Infinity",
        "/jobs/../../etc/passwd",
        "/jobs/%2e%2e%2fadmin",
        "/admin/",
        "/admin/snapshots/../rebuild",
        "/ADMIN/snapshots",
        "/openapi.json%00.html",
        "/metrics?x=" + "y" * 3_000,
    ):
        yield Raw(f"address {path[:60]!r}", _line(f"GET {path} HTTP/1.1"))


def _headers() -> Iterator[Raw]:
    for name, header in (
        ("none at all", ""),
        ("no host", "Connection: close\r\n"),
        ("two hosts", HOST + "Host: evil.example\r\n"),
        ("a strange host", "Host: evil.example/@127.0.0.1\r\n"),
        ("a host with a port that is none", "Host: 127.0.0.1:99999999\r\n"),
        ("a host of Latin-1", "Host: \xe9\r\n"),
        ("an empty host", "Host:\r\n"),
        ("a very long header", f"{HOST}X-Long: {'x' * 100_000}\r\n"),
        ("a long one", f"{HOST}X-Long: {'x' * 5_000}\r\n"),
        ("a thousand headers", HOST + "".join(f"X-{i}: 1\r\n" for i in range(1_000))),
        ("a long name", f"{HOST}{'X' * 9_000}: 1\r\n"),
        ("no colon", f"{HOST}nonsense\r\n"),
        ("a blank before the colon", f"{HOST}X-A : 1\r\n"),
        ("a folded header", f"{HOST}X-A: 1\r\n 2\r\n"),
        ("a NUL", f"{HOST}X-A: 1\x002\r\n"),
        ("a bare CR in it", f"{HOST}X-A: 1\r2\r\n"),
        ("an underscore", f"{HOST}X_Request_ID: 1\r\n"),
        ("a name of Latin-1", f"{HOST}X-\xe9: 1\r\n"),
        ("an empty name", f"{HOST}: 1\r\n"),
        ("a request id to be echoed", f"{HOST}X-Request-ID: a\tb<script>\r\n"),
        ("an encoding nobody knows", f"{HOST}Accept-Encoding: \xff;q=x\r\n"),
        ("tags that are none", f'{HOST}If-None-Match: W/"\xff", ***, "\r\n'),
        ("a range", f"{HOST}Range: bytes=0-18446744073709551616\r\n"),
        ("a date that is none", f"{HOST}If-Modified-Since: 99 Foo 99999 99:99:99 GMT\r\n"),
        ("Expect", f"{HOST}Expect: 200-maybe\r\n"),
        (
            "Upgrade",
            f"{HOST}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        ),
        ("WebSocket", f"{HOST}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\n"),
        ("forwarded", f"{HOST}X-Forwarded-For: '; DROP TABLE\r\nX-Forwarded-Host: evil\r\nForwarded: for=\"\r\n"),
    ):
        for path in ("/movies/1/poster", "/similar?movie_id=1"):
            yield Raw(f"header {name}, {path}", _line(f"GET {path} HTTP/1.1", f"{header}Connection: close\r\n\r\n"))


def _smuggled() -> Iterator[Raw]:
    length = len(INNER) + 5
    for name, header, body in (
        ("both lengths", f"Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n", f"0\r\n\r\n{INNER}"),
        ("both, the other way", f"Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n", f"0\r\n\r\n{INNER}"),
        ("two lengths", f"Content-Length: 0\r\nContent-Length: {len(INNER)}\r\n", INNER),
        ("two lengths, the long one first", f"Content-Length: {len(INNER)}\r\nContent-Length: 0\r\n", INNER),
        ("a list of lengths", f"Content-Length: 0, {len(INNER)}\r\n", INNER),
        ("a length with a sign", "Content-Length: +0\r\n", INNER),
        ("a length below zero", "Content-Length: -1\r\n", INNER),
        ("a length in hexadecimal", "Content-Length: 0x0\r\n", INNER),
        ("a length of 2^64", "Content-Length: 18446744073709551616\r\n", INNER),
        ("an Arabic length", "Content-Length: \u0660\r\n".encode().decode("latin-1"), INNER),
        ("a length with a blank before its colon", "Content-Length : 0\r\n", INNER),
        ("xchunked", f"Transfer-Encoding: xchunked\r\nContent-Length: {length}\r\n", f"0\r\n\r\n{INNER}"),
        (
            "chunked in a list",
            f"Transfer-Encoding: identity, chunked\r\nContent-Length: {length}\r\n",
            f"0\r\n\r\n{INNER}",
        ),
        ("two encodings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", f"0\r\n\r\n{INNER}"),
        ("a folded encoding", f"Transfer-Encoding:\r\n chunked\r\nContent-Length: {length}\r\n", f"0\r\n\r\n{INNER}"),
        (
            "an encoding behind a tab",
            f"Transfer-Encoding:\tchunked\r\nContent-Length: {length}\r\n",
            f"0\r\n\r\n{INNER}",
        ),
        ("an encoding with VT", f"Transfer-Encoding: \x0bchunked\r\nContent-Length: {length}\r\n", f"0\r\n\r\n{INNER}"),
        ("a chunk size that is none", "Transfer-Encoding: chunked\r\n", f"zz\r\nx\r\n0\r\n\r\n{INNER}"),
        ("a chunk size with 0x", "Transfer-Encoding: chunked\r\n", f"0x0\r\n\r\n{INNER}"),
        ("a chunk size below zero", "Transfer-Encoding: chunked\r\n", f"-1\r\n\r\n{INNER}"),
        ("a chunk size of 2^64", "Transfer-Encoding: chunked\r\n", f"10000000000000000\r\n\r\n{INNER}"),
        ("a chunk that is longer than it says", "Transfer-Encoding: chunked\r\n", f"1\r\nxxxx\r\n0\r\n\r\n{INNER}"),
        ("chunks with bare LF", "Transfer-Encoding: chunked\r\n", f"0\n\n{INNER}"),
    ):
        head = f"POST /movies HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n{header}\r\n"
        yield Raw(f"smuggled: {name}", (head + body).encode("latin-1"), ends=False, smuggles=True)


def _unfinished() -> Iterator[Raw]:
    post = f"POST /movies HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"
    for name, content in (
        ("nothing at all", ""),
        ("half a line", "GET /sim"),
        ("half a header", f"GET /livez HTTP/1.1\r\n{HOST}X-A"),
        ("no blank line", f"GET /livez HTTP/1.1\r\n{HOST}"),
        ("a body that does not come", f"{post}Content-Length: 100\r\n\r\n"),
        ("half a body", f'{post}Content-Length: 100\r\n\r\n{{"title": '),
        ("a body of a terabyte", f"{post}Content-Length: 1000000000000\r\n\r\n{{"),
        ("half a chunk", f"{post}Transfer-Encoding: chunked\r\n\r\nff\r\nx"),
        ("no last chunk", f"{post}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n"),
        ("a continue that is not waited for", f"{post}Expect: 100-continue\r\nContent-Length: 14\r\n\r\n"),
    ):
        yield Raw(f"unfinished: {name}", content.encode(), ends=False)
