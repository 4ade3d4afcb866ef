"""Addresses of places inside our network, written as attackers write them."""

HOSTS = frozenset({"posters.example", "m\u00fcnchen.example"})
NAMES = {  # what machines and clouds call such places
    "localhost": "127.0.0.1",
    "localhost.localdomain": "127.0.0.1",
    "ip6-localhost": "::1",
    "metadata.google.internal": "169.254.169.254",
    "instance-data": "169.254.169.254",
}

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
SPELLINGS += [  # and what urlsplit, urljoin and browsers read in different ways
    "http://127.0.0.1.:80/", "http://127.0.0.1%2f@posters.example/", "http://posters.example%2f@127.0.0.1/",
    "http://posters.example;@127.0.0.1/", "http://posters.example:80:80@127.0.0.1/", "http://[posters.example]/",
    "http://[::1%lo]/", "http://[::1]:80@posters.example/", "http://[::ffff:169.254.169.254]:80/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[2002:a9fe:a9fe::1]/", "http://[64:ff9b:1::a9fe:a9fe]/",
    "http://\tposters.example/", "ht\ntp://127.0.0.1/", "http:\t//127.0.0.1/", "http://127.0.\n0.1/",
    "http:\\\\127.0.0.1/", "http:/\\127.0.0.1/", "\\\\127.0.0.1\\share", "/\\127.0.0.1/", "///127.0.0.1/",
    "http://127.0.0.1?@posters.example/", "http://127.0.0.1;posters.example/", "http://posters.example:443@[::1]/",
    "http://0x7f.0x0.0x0.0x1/", "http://0177.1/", "http://127.0.0x1/", "http://00000000000000000177.0.0.1/",
    "http://metadata.google.internal/", "http://instance-data/latest/", "http://localhost.localdomain/",
    "https://localhost:443/", "http://ip6-localhost/",  "http://\uff10x7f000001/",
    "unix:///var/run/docker.sock", "http+unix://%2fvar%2frun%2fdocker.sock/", "ldap://127.0.0.1/", "netdoc:///etc/passwd",
]  # fmt: skip

# Those that a name may lead to.
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


def named(url: str) -> frozenset[str]:
    """The host as it is spelled, listed as allowed beside the others."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    return HOSTS | {host}
