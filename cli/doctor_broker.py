"""The doctor's look at Redis."""

import time
from collections.abc import Iterator

from catalog.checking import CLOCK_SKEW_S
from cli.doctor_findings import Finding, Patient, fault, note, ok, warning
from cli.doctor_settings import is_loopback
from cli.doctor_versions import numbers
from workers.broker import BrokerFacts, BrokerUnreachable, look_at

# CVE-2025-49844: a Lua script runs code in the server, CVSS 10; fixed on 2025-10-03 in each line that was kept
# (docker-library/official-images#20011). Distributions mend it under the older number.
FIXED = {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2}
FIXED_SINCE = (8, 2)  # every line after this one was made with it


def broker(patient: Patient) -> Iterator[Finding]:
    """Whether it answers, and as bells need it."""
    settings = patient.settings
    if settings.embedded:
        yield ok("broker", "memory://", "none crosses the processes")
        return
    where = "POSTERITY_BROKER_URL"  # the address itself may hold a password
    try:
        facts = look_at(settings.broker_url)
    except BrokerUnreachable as err:
        found = f"{err}; nothing is lost, work waits for the workers' next sweep"
        yield fault("broker", where, found, "start Redis, or mend POSTERITY_BROKER_URL and its password")
        return
    where = facts.host or "socket"
    yield ok("broker", where, f"answers, Redis {facts.version or '?'}")
    yield from _version(where, facts)
    yield from _settings(where, facts)
    off = facts.now - time.time()
    if abs(off) > CLOCK_SKEW_S:
        yield warning("clock", where, f"its clock is {off:+.0f} s from ours", "set both by NTP: timedatectl")


def _version(where: str, facts: BrokerFacts) -> Iterator[Finding]:
    if facts.version and not is_fixed(facts.version):
        found = f"Redis {facts.version} lets a script run code in the server (CVE-2025-49844)"
        do = "install 8.2.2, 8.0.4, 7.4.6, 7.2.11, 6.2.20 or newer; a distribution's package may be mended as it is"
        yield warning("versions", where, found, do)


def _settings(where: str, facts: BrokerFacts) -> Iterator[Finding]:
    if facts.policy is None:
        yield note("broker", where, "its settings cannot be asked for: see that it has maxmemory-policy noeviction")
    elif facts.policy != "noeviction":
        found = f"maxmemory-policy is {facts.policy}: bells vanish when memory is short"
        yield warning("broker", where, found, "redis-cli CONFIG SET maxmemory-policy noeviction, and in redis.conf")
    if facts.appendonly == "no":
        found = "appendonly is no: bells are lost when it restarts, and work waits for the next sweep"
        yield note("broker", where, found, "redis-cli CONFIG SET appendonly yes, and in redis.conf")
    if facts.host and not is_loopback(facts.host) and not facts.password:
        found = "it is on the network and asks for no password: whoever reaches it can ring and read"
        yield warning("broker", where, found, "set requirepass in redis.conf, and POSTERITY_BROKER_URL_FILE")


def is_fixed(version: str) -> bool:
    """True when a version of Redis is free of CVE-2025-49844."""
    parts = numbers(version)
    line, patch = parts[:2], parts[2] if len(parts) > 2 else 0
    return patch >= FIXED[line] if line in FIXED else line > FIXED_SINCE
