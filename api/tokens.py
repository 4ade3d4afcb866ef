"""Who may do what: the tokens of the settings, and what a request shows of them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, request
from pydantic import SecretStr

from api.refusals import NotAuthorised
from config.settings import Settings

ADMIN_SCHEME, READ_SCHEME = "adminToken", "readToken"  # their names in the OpenAPI document
EXTENSION = "posterity-tokens"
OPEN = ("/livez", "/readyz")  # an orchestrator asks them and has no secrets
READING = ("GET", "HEAD", "OPTIONS")
BEARER = 'Bearer realm="posterity"'
BASIC = 'Basic realm="posterity", charset="UTF-8"'
BLANKS = " \t"  # `str.strip` would take characters off that a token may not have


@dataclass(frozen=True, slots=True)
class Tokens:
    """Digests of the tokens; None for one that is not set.

    Digests have one length and are bytes: whatever was sent, comparing takes the same time and never fails.
    """

    admin: bytes | None = None
    read: bytes | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Tokens":
        """Those of the settings."""
        return cls(_digest_of(settings.admin_token), _digest_of(settings.read_token))

    def is_admin(self, authorization: str) -> bool:
        """Whether this header proves the admin token.

        Only as a Bearer token: browsers send Basic by themselves, also from a page of somebody else's.
        """
        return _same(_bearer(authorization), self.admin)

    def may_read(self, authorization: str, method: str = "GET") -> bool:
        """Whether a request by this method with this header may be answered at all."""
        if self.read is None:
            return True
        given = _bearer(authorization)
        if given is None and method in READING:
            given = _password(authorization)
        return _same(given, self.read) or _same(given, self.admin)


def install(app: Flask, tokens: Tokens) -> None:
    """Keeps the tokens for this app; with a read token nothing but OPEN is answered without it."""
    app.extensions[EXTENSION] = tokens
    if tokens.read is None:
        return

    def demand() -> None:
        if request.path not in OPEN and not tokens.may_read(_authorization(), request.method):
            challenge = BASIC if _is_person() else BEARER
            raise NotAuthorised("this server wants a token: send Authorization: Bearer TOKEN", challenge)

    app.before_request(demand)


def guard(tokens: Tokens) -> Callable[[], None]:
    """A check before each request of a blueprint: who does not send the admin token is refused."""

    def check() -> None:
        if not tokens.is_admin(_authorization()):
            raise NotAuthorised("the admin token is missing or wrong: send Authorization: Bearer TOKEN", BEARER)

    return check


def _authorization() -> str:
    return request.headers.get("Authorization", "")


def _is_person() -> bool:
    """A browser that shows a page: it asks for a password when Basic is named, which no program should be sent."""
    return request.method in READING and "text/html" in request.headers.get("Accept", "")


def _bearer(authorization: str) -> bytes | None:
    scheme, _, given = authorization.partition(" ")
    # WSGI hands headers over as Latin-1.
    return given.strip(BLANKS).encode("latin-1", "backslashreplace") if scheme.lower() == "bearer" else None


def _password(authorization: str) -> bytes | None:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        named = base64.b64decode(given.strip(BLANKS), validate=True)
    except (binascii.Error, ValueError):
        return None
    return named.partition(b":")[2]


def _same(given: bytes | None, expected: bytes | None) -> bool:
    return given is not None and expected is not None and hmac.compare_digest(_digest(given), expected)


def _digest_of(token: SecretStr | None) -> bytes | None:
    return None if token is None else _digest(token.get_secret_value().encode())


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
