"""Which addresses of posters that people hand in may be asked: those of listed hosts, and nothing that is not public.

Every refusal has the same words, so that nobody learns from them what there is inside our network.
"""

import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import quote

from posters.errors import PosterRejected, RejectReason

NAME = "poster_url"
REFUSED = "this address may not be asked; hosts that may are listed in POSTERITY_POSTER_URL_HOSTS"
MAX_LENGTH = 2048
PORTS = {"http": 80, "https": 443}
# Nothing of an authority but host and port; both backslash and a second @ have fooled parsers.
ADDRESS = re.compile(r"(https?)://([^/?#@:\\\[\]%]+)(?::(80|443))?([/?][^#\\]*)?", re.IGNORECASE | re.ASCII)
HOST = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")
# Python knows the rules for names of 2003 only; these characters meant other names then.
DEVIATING = frozenset("\u00df\u03c2\u200c\u200d")
UNTOUCHED = "%/?:@!$&'()*+,;=~[]"  # by quoting; it is for spaces' relatives and letters beyond ASCII

# `is_global` of Python 3.11 is True for these, or was in some of its versions.
SPECIAL = [
    ip_network(block)
    for block in (
        "100.64.0.0/10",  # shared by customers of one provider
        "168.63.129.16/32",  # Azure's services for its machines
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4
        "224.0.0.0/3",  # multicast, and what was kept for later
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
]
UNICAST = ip_network("2000::/3")  # all of IPv6 that is given out to networks
MAPPED, NAT64 = ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96")
COMPATIBLE, SIX_TO_FOUR = ip_network("::/96"), ip_network("2002::/16")
ISATAP = (0x00005EFE, 0x02005EFE)  # the third of four 32-bit words


@dataclass(frozen=True, slots=True)
class GivenAddress:
    """A poster's address, taken apart and found to be one that may be asked, as far as one can see without DNS."""

    scheme: str
    host: str  # in lower case, letters beyond ASCII as xn--
    port: int
    target: str  # path and query

    @property
    def authority(self) -> str:
        """Host, and the port where it is not the scheme's."""
        return self.host if self.port == PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """All of it."""
        return f"{self.scheme}://{self.authority}{self.target}"


def check_poster_url(url: str, hosts: Iterable[str]) -> None:
    """Looks at an address without asking anybody, for the moment when it is handed in.

    Raises:
        PosterRejected: ADDRESS_REFUSED.
    """
    given_address(url, hosts)


def given_address(url: str, hosts: Iterable[str]) -> GivenAddress:
    """The parts of an address of one of these hosts.

    Args:
        hosts: names as people write them; no wildcards, and no name covers those below it.

    Raises:
        PosterRejected: ADDRESS_REFUSED, for another host, scheme or port than 80 and 443, for credentials, fragments
            and spaces, and for more than 2048 characters.
    """
    if len(url) > MAX_LENGTH or not url.isprintable() or any(character.isspace() for character in url):
        raise refused()
    parts = ADDRESS.fullmatch(url)
    host = canonical_host(parts[2]) if parts else None
    if parts is None or host is None or host not in {canonical_host(listed) for listed in hosts}:
        raise refused()
    scheme, target = parts[1].lower(), parts[4] or "/"
    target = quote(target if target.startswith("/") else f"/{target}", safe=UNTOUCHED)
    return GivenAddress(scheme, host, int(parts[3] or PORTS[scheme]), target)


def canonical_host(name: str) -> str | None:
    """The name as DNS and certificates have it; None when it is no name."""
    if DEVIATING.intersection(name):
        return None
    try:
        host = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return host if HOST.fullmatch(host) else None


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver.

    Raises:
        OSError: it has none, or nobody can say.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


def demand_public(addresses: Sequence[str]) -> None:
    """One address that is not public is enough: the next lookup could choose it.

    Raises:
        PosterRejected: ADDRESS_REFUSED.
    """
    if not addresses or not all(_is_public_text(address) for address in addresses):
        raise refused()


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """True for an address anybody on the internet may talk to; one that carries another stands for both."""
    if isinstance(address, IPv4Address):
        return address.is_global and not _special(address)
    if not all(is_public(carried) for carried in _carried(address)):
        return False
    if address in MAPPED or address in NAT64:
        return True
    return address in UNICAST and address.is_global and not _special(address)


def refused() -> PosterRejected:
    """The one refusal."""
    return PosterRejected(RejectReason.ADDRESS_REFUSED, NAME, REFUSED)


def _is_public_text(address: str) -> bool:
    try:
        return is_public(ip_address(address)) and "%" not in address  # what has a zone is not of the internet
    except ValueError:
        return False


def _special(address: IPv4Address | IPv6Address) -> bool:
    return any(address in block for block in SPECIAL)  # of the other version: False


def _carried(address: IPv6Address) -> Iterator[IPv4Address]:
    """Every IPv4 address that routers may read out of this one."""
    number = int(address)
    if address in MAPPED or address in NAT64 or address in COMPATIBLE or (number >> 32 & 0xFFFFFFFF) in ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)
    if address in SIX_TO_FOUR:
        yield IPv4Address(number >> 80 & 0xFFFFFFFF)
    yield from address.teredo or ()
