"""Guards against what comes from outside: addresses, pictures, requests, and what may go out in logs."""

from tests.mutants.mutant import Mutant

GIVEN, ADDRESSES, FETCHING, DECODING = (
    f"tests/posters/test_{name}.py" for name in ("given", "addresses", "fetching", "decoding")
)
GUARDED, BAD_INPUT = "tests/api/test_api_guarded.py", "tests/api/test_api_bad_input.py"
LAST_RESORT = "tests/api/test_guards_of_last_resort.py"

GATES = (
    Mutant(
        "an address is public",
        "posters/addresses.py",
        "if not addresses or not all(_is_public_text(address) for address in addresses):",
        "if False:",
        (ADDRESSES,),
    ),
    Mutant(
        "the addresses of a host are checked",
        "posters/given.py",
        "        demand_public(addresses)\n",
        "",
        (f"{GIVEN}::test_a_redirect_to_a_listed_name_that_leads_inside_is_refused",),
    ),
    Mutant(
        "all addresses of a host are public",
        "posters/addresses.py",
        "not all(_is_public_text",
        "not any(_is_public_text",
        (ADDRESSES,),
    ),
    Mutant(
        "an IPv4 address inside an IPv6 one counts",
        "posters/addresses.py",
        "    if not all(is_public(carried) for carried in _carried(address)):\n        return False\n",
        "",
        (ADDRESSES,),
    ),
    Mutant(
        "a host is one of the list",
        "posters/addresses.py",
        " or host not in {canonical_host(listed) for listed in hosts}:",
        ":",
        (ADDRESSES,),
    ),
    Mutant(
        "redirects are checked",
        "posters/given.py",
        "return given_address(urljoin(place.url, target), self._hosts)",
        "return given_address(urljoin(place.url, target), [urljoin(place.url, target).split('/')[2]])",
        (f"{GIVEN}::test_redirects_are_checked_like_first_addresses",),
    ),
    Mutant(
        "three redirects are enough",
        "posters/given.py",
        "MAX_REDIRECTS = 3",
        "MAX_REDIRECTS = 30",
        (f"{GIVEN}::test_a_fourth_redirect_is_refused",),
    ),
    Mutant(
        "a certificate is that of its host",
        "posters/given.py",
        "assert_hostname=place.host)",
        "assert_hostname=False)",
        (f"{GIVEN}::test_the_certificate_must_be_the_hosts",),
    ),
    Mutant(
        "a body is no longer than allowed",
        "posters/fetching.py",
        "            if size > limit:",
        "            if False:",
        (FETCHING,),
    ),
    Mutant(
        "an announced body is no longer than allowed",
        "posters/fetching.py",
        "if announced is not None and announced > limit:",
        "if False:",
        (FETCHING,),
    ),
    Mutant(
        "a body is not slower than the floor",
        "posters/fetching.py",
        "if seconds > self._limits.floor_after_s and",
        "if False and",
        (FETCHING,),
    ),
    Mutant(
        "what is compressed is not unpacked",
        "posters/fetching.py",
        "decode_content=False,",
        "decode_content=True,",
        (FETCHING,),
    ),
    Mutant(
        "pixels are counted before they are decoded",
        "posters/decoding.py",
        "max(size) > MAX_SIDE or width * height > most_pixels:",
        "max(size) > MAX_SIDE:",
        (DECODING,),
    ),
    Mutant(
        "the canvas of a WebP is looked at first",
        "posters/decoding.py",
        "                _check_size(_webp_canvas(content), where, MAX_WEBP_PIXELS)\n",
        "",
        (DECODING,),
    ),
    Mutant(
        "a decoder without memory is a refusal",
        "posters/decoding.py",
        "    except MemoryError as err:\n",
        "    except ZeroDivisionError as err:\n",
        (DECODING,),
    ),
    Mutant(
        "a folder is not left by a link",
        "posters/folder.py",
        "if path.resolve().is_relative_to(self._root):",
        "if True:",
        ("tests/posters/test_folder.py",),
    ),
    Mutant(
        "JSON so deep that Python gives up is refused",
        "api/guarded.py",
        "(ValueError, RecursionError, MemoryError)",
        "(ValueError, MemoryError)",
        (LAST_RESORT,),
    ),
    Mutant("JSON is not nested too deep", "api/guarded.py", "if depth > MAX_DEPTH:", "if False:", (GUARDED,)),
    Mutant("a key is not doubled", "api/guarded.py", "if len(value) < len(pairs):", "if False:", (GUARDED,)),
    Mutant("infinite numbers are refused", "api/guarded.py", "if not math.isfinite(number):", "if False:", (GUARDED,)),
    Mutant("NaN does not go out", "api/guarded.py", '{"allow_nan": False, **kwargs}', "kwargs", (LAST_RESORT,)),
    Mutant(
        "secrets are hidden in logs",
        "config/logs.py",
        "            line = line.replace(secret, HIDDEN)\n",
        "            pass\n",
        ("tests/config/test_logs.py",),
    ),
    Mutant(
        "pages have a content security policy",
        "api/headers.py",
        '    headers.add("Content-Security-Policy", _policy(response))\n',
        "",
        ("tests/api/test_api_said_with_every_answer.py",),
    ),
    Mutant(
        "an answer says of which snapshot it is",
        "api/headers.py",
        '        headers.add("X-Index-Version", str(snapshot.generation))\n',
        "        pass\n",
        ("tests/api/test_api_said_with_every_answer.py",),
    ),
    Mutant(
        "a token must be the right one",
        "api/tokens.py",
        "hmac.compare_digest(_digest(given), expected)",
        "bool(given)",
        ("tests/api/test_api_admin.py",),
    ),
    Mutant(
        "the read token is asked for",
        "api/tokens.py",
        "return _same(given, self.read) or _same(given, self.admin)",
        "return True",
        ("tests/hostile/test_access.py",),
    ),
    Mutant(
        "a short admin token is refused",
        "config/settings.py",
        "MIN_TOKEN_BYTES = 32",
        "MIN_TOKEN_BYTES = 3",
        ("tests/config/test_loading.py",),
    ),
)
