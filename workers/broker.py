"""What Redis says of itself, asked with two seconds of patience: for `posterity doctor`."""

from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

TIMEOUT_S = 2.0


class BrokerUnreachable(Exception):
    """Redis does not answer, or refuses us; one line, without the password."""


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """About a Redis server.

    Attributes:
        host: where it is, empty for a socket on this machine. password: whether we gave one. now: its clock, in
            seconds since 1970. policy, appendonly: None where we may not ask.
    """

    host: str
    password: bool
    version: str
    now: float
    policy: str | None
    appendonly: str | None


def look_at(url: str) -> BrokerFacts:
    """Asks a Redis server.

    Raises:
        BrokerUnreachable: no answer.
    """
    client = Redis.from_url(
        url.replace("redis+socket://", "unix://", 1),
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        decode_responses=True,
    )
    given = client.connection_pool.connection_kwargs
    try:
        seconds, microseconds = client.time()
        return BrokerFacts(
            host=str(given.get("host") or ""),
            password=bool(given.get("password")),
            version=str(_asked(client, "redis_version") or ""),
            now=seconds + microseconds / 1e6,
            policy=_configured(client, "maxmemory-policy"),
            appendonly=_configured(client, "appendonly"),
        )
    except AuthenticationError as err:
        raise BrokerUnreachable("it refuses the password") from err
    except (RedisError, OSError) as err:
        raise BrokerUnreachable(f"it does not answer: {type(err).__name__}") from err
    finally:
        client.close()


def _asked(client: Redis, name: str) -> object:
    try:
        return client.info("server").get(name)
    except (NoPermissionError, ResponseError):
        return None


def _configured(client: Redis, name: str) -> str | None:
    try:
        return client.config_get(name).get(name)
    except (NoPermissionError, ResponseError):
        return None
