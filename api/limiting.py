"""How often one client may ask: counted by address, in Redis where there is one, else in this process.

By the library `limits` itself: Flask-Limiter, which is made of it, counts within Flask, where the short way of
`/similar` does not come.
"""

import ipaddress
import logging
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import ceil
from wsgiref.types import WSGIEnvironment

from flask import Flask, current_app, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.exceptions import TooManyRequests

from api.tokens import EXTENSION as TOKENS
from config.settings import Settings

EXTENSION = "posterity-limits"
READS, POSTS, MOVIES, RATINGS, ADMIN = "reads", "posts", "movies", "ratings", "admin"
WORDS = {
    READS: "questions a minute",
    POSTS: "POST /movies a minute",
    MOVIES: "movies an hour",
    RATINGS: "POST /ratings a minute",
    ADMIN: "requests to /admin a minute",
}
NEVER = ("/livez", "/readyz", "/metrics")  # asked by machines that restart or alarm when they are refused
COUNTED = "posterity.counted"  # in a request's environment: the short way has counted it
REDIS_WITHIN_S = 0.25  # a request must not wait for a Redis that is only needed to count it
ASKED_AGAIN_S = 30.0
PREFIX = "posterity:limits"  # within what the broker's user may touch (deploy/make-secrets)
NETWORK_BITS = 64  # of an IPv6 address: the smallest network that a client is given, so it has 2^64 addresses
PENDING_RETRY_S = 60

log = logging.getLogger(__name__)


class Limits:
    """Counters of one app; think of one turnstile for each rule and client.

    Windows are fixed: they begin with a client's first request. When Redis does not answer, this process counts by
    itself, and asks Redis again after half a minute: then a client may do as much again, and nobody is turned away.
    """

    def __init__(self, rules: Mapping[str, RateLimitItem], broker_url: str, pending: int = 0) -> None:
        self.rules, self.pending = rules, pending
        self._here = FixedWindowRateLimiter(MemoryStorage())
        shared = _redis(broker_url) if rules and broker_url.startswith("redis") else None
        self._shared = None if shared is None else FixedWindowRateLimiter(shared)
        self._away_until = 0.0

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Those of the settings; a rule of 0 is none."""
        rules: dict[str, RateLimitItem] = {
            READS: RateLimitItemPerMinute(settings.rate_limit_reads_per_min),
            POSTS: RateLimitItemPerMinute(settings.rate_limit_posts_per_min),
            MOVIES: RateLimitItemPerHour(settings.rate_limit_movies_per_h),
            RATINGS: RateLimitItemPerMinute(settings.rate_limit_ratings_per_min),
            ADMIN: RateLimitItemPerMinute(settings.rate_limit_admin_per_min),
        }
        given = {name: rule for name, rule in rules.items() if rule.amount > 0}
        return cls(given, settings.broker_url, settings.rate_limit_pending)

    def wait_s(self, name: str, environ: WSGIEnvironment, cost: int = 1) -> int:
        """Counts a request by this rule; seconds until the client may ask again, 0 when it may now."""
        rule = self.rules.get(name)
        if rule is None:
            return 0
        client = client_of(environ.get("REMOTE_ADDR", ""))
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                return _wait_s(self._shared, rule, (name, client), cost)
            except StorageError as err:
                self._away_until = time.monotonic() + ASKED_AGAIN_S
                log.warning("Redis does not count requests, each process does for %g s: %s", ASKED_AGAIN_S, err)
        return _wait_s(self._here, rule, (name, client), cost)

    def read(self, environ: WSGIEnvironment) -> bool:
        """Counts a question, once however many ways it goes; whether it may be answered."""
        if COUNTED not in environ:
            environ[COUNTED] = self.wait_s(READS, environ)
        return bool(environ[COUNTED] == 0)


def install(app: Flask, limits: Limits) -> None:
    """Counts the requests of this app before anything else looks at them."""
    app.extensions[EXTENSION] = limits
    if limits.rules:
        app.before_request(_count)


def demand_room(movies: int, waiting: Callable[[], int]) -> None:
    """Before movies are taken in: not too many that wait for posters, not too many an hour by one client.

    Args:
        movies: how many come. waiting: tells how many wait; asked only where there is a limit.

    Raises:
        TooManyRequests: nothing was stored.
    """
    limits = _limits()
    if limits.pending and waiting() + movies > limits.pending:
        why = f"{limits.pending:,} movies wait for their posters already: hand these in later"
        raise TooManyRequests(why, retry_after=PENDING_RETRY_S)
    if not _is_admin():
        _demand(MOVIES, limits.wait_s(MOVIES, request.environ, movies))


@lru_cache(maxsize=4096)
def client_of(address: str) -> str:
    """What one client counts as: its address, or its network where it has many; any text for none."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(given, ipaddress.IPv4Address):
        return str(given)
    if given.ipv4_mapped:
        return str(given.ipv4_mapped)
    return str(ipaddress.ip_network((given, NETWORK_BITS), strict=False))


def _count() -> None:
    name = _rule_of(request.path, request.method)
    if name == READS:
        if not _limits().read(request.environ):
            _demand(READS, request.environ[COUNTED])
    elif name == ADMIN or (name and not _is_admin()):
        _demand(name, _limits().wait_s(name, request.environ))


def _rule_of(path: str, method: str) -> str:
    if path.startswith("/admin"):
        return ADMIN
    if method == "POST":
        return {"/movies": POSTS, "/ratings": RATINGS}.get(path, "")
    return READS if method in ("GET", "HEAD") and path not in NEVER else ""


def _demand(name: str, wait_s: int) -> None:
    if wait_s:
        most = _limits().rules[name].amount
        why = f"one client may have {most:,} {WORDS[name]}: ask again in {wait_s} s"
        raise TooManyRequests(why, retry_after=wait_s)


def _is_admin() -> bool:
    return bool(current_app.extensions[TOKENS].is_admin(request.headers.get("Authorization", "")))


def _limits() -> Limits:
    limits: Limits = current_app.extensions[EXTENSION]
    return limits


def _wait_s(limiter: FixedWindowRateLimiter, rule: RateLimitItem, key: tuple[str, str], cost: int) -> int:
    # A list that is too long must not use up what is left for a shorter one.
    if (cost == 1 or limiter.test(rule, *key, cost=cost)) and limiter.hit(rule, *key, cost=cost):
        return 0
    return max(1, ceil(limiter.get_window_stats(rule, *key).reset_time - time.time()))


def _redis(broker_url: str) -> Storage:
    # Celery writes redis+socket:// where the counters say redis+unix://.
    return RedisStorage(
        broker_url.replace("redis+socket://", "redis+unix://", 1),
        key_prefix=PREFIX,
        wrap_exceptions=True,
        socket_timeout=REDIS_WITHIN_S,
        socket_connect_timeout=REDIS_WITHIN_S,
        retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # handed on to the Redis client
    )
