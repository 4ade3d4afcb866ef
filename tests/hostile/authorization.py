"""Ways to send a token that are not the one way, for a hostile client to try."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

WRONG = "x" * 44


@dataclass(frozen=True)
class Attempt:
    """One request: what it sends beside method and path."""

    name: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    query: str = ""
    body: bytes = b""


def refused(token: str) -> Iterator[Attempt]:
    """All of them; `token` is the right one and consists of ASCII letters, digits and dashes."""
    for name, value in _values(token):
        yield Attempt(name, [("Authorization", value)])
    right, wrong = ("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {WRONG}")
    yield Attempt("nothing")
    yield Attempt("two headers, the right one first", [right, wrong])
    yield Attempt("two headers, the right one last", [wrong, right])
    yield Attempt("twice the right one", [right, right])
    yield Attempt("for a proxy", [("Proxy-Authorization", f"Bearer {token}")])
    for name in ("X-Authorization", "X-Api-Key", "X-Admin-Token", "Token", "X-Forwarded-Authorization"):
        yield Attempt(name, [(name, token)])
    for name in ("token", "access_token", "Authorization", "api_key"):
        yield Attempt(f"query {name}", query=f"{name}={token}")
    yield Attempt("cookie", [("Cookie", f"token={token}; Authorization=Bearer {token}")])
    yield Attempt(
        "form", [("Content-Type", "application/x-www-form-urlencoded")], body=f"access_token={token}".encode()
    )
    yield Attempt("JSON", [("Content-Type", "application/json")], body=f'{{"token": "{token}"}}'.encode())


def accepted(token: str) -> Iterator[Attempt]:
    """What RFC 9110 (11.1, 11.4) allows: the scheme in any case, one blank or more behind it."""
    for value in (f"Bearer {token}", f"bearer {token}", f"BEARER {token}", f"Bearer   {token}", f"Bearer {token} "):
        yield Attempt(repr(value[:8]), [("Authorization", value)])


def _values(token: str) -> Iterator[tuple[str, str]]:
    encoded = base64.b64encode(token.encode()).decode()
    yield from [("empty", ""), ("a blank", " "), ("the scheme alone", "Bearer"), ("scheme and blank", "Bearer ")]
    yield from [("no scheme", token), ("no blank", f"Bearer{token}"), ("a tab", f"Bearer\t{token}")]
    yield from [(f"scheme {name}", f"{name} {token}") for name in ("Token", "Digest", "Bearer:", "OAuth", "Bearerx")]
    yield from [("key and value", f"Bearer token={token}"), ("quotes", f'Bearer "{token}"')]
    yield ("a comma behind it", f"Bearer {token},")
    yield from [
        ("a prefix", f"Bearer {token[:-1]}"),
        ("a suffix", f"Bearer {token[1:]}"),
        ("longer", f"Bearer {token}x"),
    ]
    yield from [("upper case", f"Bearer {token.upper()}"), ("backwards", f"Bearer {token[::-1]}")]
    yield from [("twice", f"Bearer {token}{token}"), ("two of them", f"Bearer {token} {token}")]
    yield from [("base64", f"Bearer {encoded}"), ("sha256", f"Bearer {hashlib.sha256(token.encode()).hexdigest()}")]
    yield from [("escapes", f"Bearer %{ord(token[0]):02x}{token[1:]}"), ("NUL behind it", f"Bearer {token}\x00")]
    yield from [("a blank of Latin-1", f"Bearer \xa0{token}"), ("next line of Latin-1", f"Bearer {token}\x85")]
    yield from [("Latin-1", "Bearer t\xf6k\xe9n"), ("UTF-8", "Bearer " + "tökén🎬".encode().decode("latin-1"))]
    yield ("look-alikes", "Bearer " + token.replace("a", "а").encode().decode("latin-1"))  # noqa: RUF001 - Cyrillic
    yield from [("very long", f"Bearer {'x' * 4000}"), ("blanks only", f"Bearer{' ' * 4000}")]
    yield ("the token as a user of Basic", "Basic " + base64.b64encode(f"{token}:".encode()).decode())
    yield from [("Basic without base64", f"Basic {token}"), ("Basic of nothing", "Basic ")]
    yield ("broken Basic", "Basic =§=")
