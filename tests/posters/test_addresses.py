"""Which addresses may be asked: spellings of places inside our network, and a canary that hears every connection."""

import socket
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from posters.addresses import REFUSED, canonical_host, check_poster_url, given_address, is_public, resolve
from posters.errors import PosterError, PosterRejected, PosterUnavailable
from posters.given import GivenSource
from posters.poster import PosterRequest

Movie = Callable[..., PosterRequest]
HOSTS = frozenset({"posters.example", "m\u00fcnchen.example"})

# Spelled as attackers spell them. Where it is a host's name at all, the operator has listed it: the worst case.
SPELLINGS = [
    "http://127.0.0.1/", "http://127.0.0.1:80/", "https://127.0.0.1/", "http://127.1/", "http://127.0.1/",
    "http://0/", "http://0.0.0.0/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/",
    "http://017700000001/", "http://127.000.000.001/", "http://127.255.255.254/", "http://localhost/",
    "http://LOCALHOST/", "http://localhost./", "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
    "http://100.64.0.1/", "http://168.63.129.16/", "http://192.0.0.192/", "http://192.88.99.1/", "http://198.18.0.1/",
    "http://224.0.0.1/", "http://240.0.0.1/", "http://255.255.255.255/", "http://203.0.113.1/",
    "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25lo]/",
    "http://[fc00::1]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[0:0:0:0:0:0:0:1]/",
    "http://\u2460\u2461\u2466.0.0.1/", "http://\uff11\uff12\uff17.0.0.1/", "http://127\u3002\u0030\u3002\u0030\u3002\u0031/",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
    "http://posters.example@127.0.0.1/", "http://posters.example:80@127.0.0.1/", "http://127.0.0.1#@posters.example/",
    "http://127.0.0.1\\@posters.example/", "http://posters.example\\@127.0.0.1/", "http://127.0.0.1%00.posters.example/",
    "http://127.0.0.1:22/", "http://posters.example:8080/", "http://posters.example:0/", "http://posters.example:080/",
    "http://posters.example./",
    "http:/127.0.0.1/", "http:127.0.0.1", "http:///127.0.0.1/", "//127.0.0.1/", "127.0.0.1", "",
    "file:///etc/passwd", "file://posters.example/etc/passwd", "gopher://posters.example:80/_GET",
    "ftp://posters.example/a.jpg",
    "data:image/png;base64,iVBORw0KGgo=", "dict://posters.example/", "jar:http://posters.example/",
    "javascript:alert(1)",
    " http://posters.example/", "http://posters.example/ ", "http://posters.example/a b",
    "http://posters.example/\r\nHost: x",
    "http://posters.example\t/", "http://posters.example/\x00", "http://posters.example/\u2028", "http://posters.example/#top",
    "\u017fttp://posters.example/", "http\u017f://posters.example/", "http://posters.example/" + "a" * 2048,
]  # fmt: skip


def named(url: str) -> frozenset[str]:
    """The host as it is spelled, listed as allowed beside the others."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    return HOSTS | {host}


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every address that anybody in this process tries to connect to."""
    heard: list[object] = []

    def connect(_: socket.socket, address: object) -> None:
        heard.append(address)
        raise ConnectionRefusedError(111, "the canary")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return heard


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[str]], None]:
    """Gives hosts addresses; numbers are understood as ever, and no other name exists."""
    known: dict[str, list[str]] = {"localhost": ["127.0.0.1", "::1"]}
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: int, **options: int) -> list[object]:
        numeric = {**options, "flags": options.get("flags", 0) | socket.AI_NUMERICHOST}
        return [found for each in known.get(host, [host]) for found in real(each, port, *args, **numeric)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lambda host, addresses: known.update({host: addresses})


@pytest.mark.parametrize("url", SPELLINGS, ids=[f"{url[:60]!a}" for url in SPELLINGS])
def test_no_spelling_leads_inside_and_all_are_refused_alike(
    url: str, canary: list[object], names: object, movie: Movie
) -> None:
    with pytest.raises(PosterRejected) as caught:
        GivenSource(named(url)).fetch(movie(poster_url=url))
    assert (caught.value.reason, caught.value.why) == ("address_refused", REFUSED)
    assert str(caught.value) == f"poster_url: {REFUSED} (address_refused)"
    assert canary == []


@pytest.mark.parametrize(
    "host", ["evil.example", "posters.example.evil.example", "evil.posters.example", "postersxexample", "example"]
)
def test_hosts_that_are_not_listed_are_refused_without_a_lookup(host: str, canary: list[object], movie: Movie) -> None:
    with pytest.raises(PosterRejected) as caught:
        GivenSource(HOSTS, resolver=lambda *_: pytest.fail("looked up")).fetch(movie(poster_url=f"http://{host}/"))
    assert str(caught.value) == f"poster_url: {REFUSED} (address_refused)"
    assert canary == []


INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "168.63.129.16", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::2", "::127.0.0.1", "::169.254.169.254", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:100.64.0.1", "::ffff:168.63.129.16", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:0:7f00:1::", "2001:0:808:808::80ff:fffe", "2001:10::1",
    "2001:db8::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:a00:1::", "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:a00:1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
    "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_of_the_public_internet_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "93.184.216.34", "99.255.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1",
     "223.255.255.254", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)  # fmt: skip
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
def test_a_listed_name_that_leads_inside_is_refused(
    address: str, canary: list[object], names: Callable[[str, list[str]], None], movie: Movie
) -> None:
    for addresses in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
        names("posters.example", addresses)
        with pytest.raises(PosterRejected, match="address_refused"):
            GivenSource(HOSTS).fetch(movie(poster_url="https://posters.example/a.jpg"))
    assert canary == []


def test_only_the_checked_address_is_connected_to(
    canary: list[object], names: Callable[[str, list[str]], None], movie: Movie
) -> None:
    names("posters.example", ["93.184.216.34", "2606:4700:4700::1111"])
    with pytest.raises(PosterUnavailable):
        GivenSource(HOSTS).fetch(movie(poster_url="https://posters.example/a.jpg"))
    assert canary == [("93.184.216.34", 443), ("2606:4700:4700::1111", 443, 0, 0)]


def test_a_name_that_changes_its_meaning_is_looked_up_once_only(canary: list[object], movie: Movie) -> None:
    """DNS rebinding: the second answer would lead inside."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    with pytest.raises(PosterUnavailable):
        GivenSource(HOSTS, resolver=lambda *_: next(answers)).fetch(movie(poster_url="http://posters.example/"))
    assert canary == [("93.184.216.34", 80)]
    assert next(answers) == ["127.0.0.1"]


def test_a_host_with_many_addresses_is_not_tried_for_ever(canary: list[object], movie: Movie) -> None:
    many = [f"93.184.216.{number}" for number in range(1, 100)]
    with pytest.raises(PosterUnavailable):
        GivenSource(HOSTS, resolver=lambda *_: many).fetch(movie(poster_url="http://posters.example/"))
    assert len(canary) == 3


def test_a_name_that_cannot_be_resolved_is_unavailable(canary: list[object], names: object, movie: Movie) -> None:
    with pytest.raises(PosterUnavailable, match="cannot be resolved"):
        GivenSource(HOSTS).fetch(movie(poster_url="http://posters.example/"))


def test_a_name_without_any_address_is_refused(canary: list[object], movie: Movie) -> None:
    with pytest.raises(PosterRejected):
        GivenSource(HOSTS, resolver=lambda *_: []).fetch(movie(poster_url="http://posters.example/"))


def test_without_listed_hosts_everything_is_refused(canary: list[object], names: object, movie: Movie) -> None:
    for url in ("https://posters.example/a.jpg", "https://image.tmdb.org/t/p/w342/a.jpg"):
        with pytest.raises(PosterRejected):
            GivenSource([]).fetch(movie(poster_url=url))
    assert canary == []


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://posters.example/a.jpg", "https://posters.example/a.jpg"),
        ("HTTP://POSTERS.EXAMPLE", "http://posters.example/"),
        ("http://posters.example:80/a", "http://posters.example/a"),
        ("https://posters.example:443/a", "https://posters.example/a"),
        ("http://posters.example:443/a", "http://posters.example:443/a"),
        ("http://posters.example?size=3", "http://posters.example/?size=3"),
        ("http://posters.example/a%20b(1)?c=d&e=[f]", "http://posters.example/a%20b(1)?c=d&e=[f]"),
        ("http://posters.example/\u00e4.jpg", "http://posters.example/%C3%A4.jpg"),
        ("http://posters.example/a@b:c", "http://posters.example/a@b:c"),
        ("http://m\u00fcnchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://M\u00dcNCHEN.example/", "http://xn--mnchen-3ya.example/"),
        ("http://xn--mnchen-3ya.example/", "http://xn--mnchen-3ya.example/"),
    ],
)
def test_listed_hosts_are_taken_however_they_are_written(url: str, taken: str) -> None:
    check_poster_url(url, HOSTS)
    assert given_address(url, HOSTS).url == taken


def test_letters_that_changed_their_meaning_are_no_part_of_a_name() -> None:
    """Python would read the first as strasse.example, which may belong to somebody else."""
    for name in ("stra\u00dfe.example", "\u03c2.example", "a\u200db.example"):
        assert canonical_host(name) is None


def test_every_refusal_of_the_pure_check_is_the_same() -> None:
    texts = set()
    for url in SPELLINGS:
        try:
            check_poster_url(url, HOSTS)
        except PosterError as err:
            texts.add(str(err))
    assert len(texts) == 1


def test_the_system_resolver_gives_each_address_once() -> None:
    assert resolve("127.0.0.1", 80) == ["127.0.0.1"]
