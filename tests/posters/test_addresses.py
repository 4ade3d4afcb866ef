"""Which addresses may be asked: spellings of places inside our network, and a canary that hears every connection."""

import socket
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from posters.addresses import REFUSED, canonical_host, check_poster_url, given_address, is_public, resolve
from posters.errors import PosterError, PosterRejected, PosterUnavailable
from posters.given import GivenSource
from posters.poster import PosterRequest
from tests.posters.spellings import HOSTS, INSIDE, NAMES, SPELLINGS, named

Movie = Callable[..., PosterRequest]


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
    known = {"localhost": ["127.0.0.1", "::1"]} | {name: [address] for name, address in NAMES.items()}
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
