"""A URL is spelled as a browser requests it, and what cannot be purged is refused without echoing a password."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ztpurge.errors import ZtpurgeError
from ztpurge.site.urls import host_of, parse_base, parse_directory, parse_url, spell_path

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODED_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*")
SPELLED_URL = re.compile(
    r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?/[A-Za-z0-9._~!$&'()*+,;=:@/%|\[\]-]*"
    r"(?:\?[A-Za-z0-9._~!$&()*+,;=:@/?%^`{|}\[\]-]*)?"
)
ACCEPTED = st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="#*\\")


# fmt: off
SPELLINGS = {
    "all of pchar": ("-._~!$&'()*+,;=:@/a+b", "-._~!$&'()*+,;=:@/a+b"),
    "encoded once": ("%2e%2e/100%", "%252e%252e/100%25"),
    "what ends a path": ("a#b?c\\", "a%23b%3Fc%5C"),
    "UTF-8 and control characters": ("caf\u00e9/\u4e2d\n\t\x7f", "caf%C3%A9/%E4%B8%AD%0A%09%7F"),
    "Latin-1 bytes": ("caf\udce9.html", "caf%E9.html"),
    "empty": ("", ""),
    # where browsers leave what RFC 3986 encodes, each spelling is there
    "brackets": ("blog/[slug].html", "blog/%5Bslug%5D.html", "blog/[slug].html"),
    "bar": ("a|b.css", "a%7Cb.css", "a|b.css"),
    "caret, which the older browsers alone leave": ("x^y.css", "x%5Ey.css", "x^y.css"),
    # urltestdata.json of web-platform-tests, "distinct percent-encode sets", since 2025 and before, less the `%`,
    # which in a file's name is encoded once, and the `\\`, which a browser takes for a slash
    "the URL Standard's own vector": (
        " !\"$&'()*+,-./:;<=>@[]^_`{|}~", "%20!%22$&'()*+,-./:;%3C=%3E@%5B%5D%5E_%60%7B%7C%7D~",
        "%20!%22$&'()*+,-./:;%3C=%3E@[]%5E_%60%7B|%7D~", "%20!%22$&'()*+,-./:;%3C=%3E@[]^_%60%7B|%7D~"),
}
# fmt: on


@pytest.mark.parametrize(("path", "spellings"), [(path, others) for path, *others in SPELLINGS.values()], ids=SPELLINGS)
def test_a_path_is_encoded_once_in_each_way_that_clients_do(path: str, spellings: list[str]) -> None:
    assert [*spell_path(path)] == spellings


def as_browsers_do(urls: list[str]) -> list[str]:
    """Have Node, whose `URL` is that of the URL Standard, spell URLs."""
    node = shutil.which("node") or pytest.skip("there is no Node here")
    code = (
        "const spell = url => { try { return new URL(url).href } catch { return '' } };"
        "console.log(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(spell)))"
    )
    finished = subprocess.run([node, "-e", code], input=json.dumps(urls).encode(), stdout=subprocess.PIPE, check=True)
    spelled: list[str] = json.loads(finished.stdout)
    return spelled


CODE_POINTS = [*range(0x100), *range(0x100, 0xD800, 97), *range(0xE000, 0x110000, 997), 0x2028, 0xFEFF, 0xFFFF, 0x1F600]


def test_what_a_browser_asks_for_is_among_the_spellings_of_any_name() -> None:
    # a link has to encode these itself, or it is no link to that file; tab and line break are dropped from a URL
    names = [f"x{chr(point)}y" for point in CODE_POINTS if chr(point) not in "\0\t\n\r/\\?#%"]
    names += ["[a^b|c] \u6625.js", "x^y>", "a'b\"c`d", "~!@$&*()_+-={}|:;,."]
    for name, url in zip(names, as_browsers_do([f"http://a.example/{name}" for name in names]), strict=True):
        assert url.removeprefix("http://a.example/") in spell_path(name)


@given(st.binary().map(lambda raw: raw.replace(b"\0", b"").strip(b"/")))
def test_each_spelling_stands_for_the_same_bytes_and_is_part_of_a_spelled_url(raw: bytes) -> None:
    first, *others = spell_path(raw.decode("utf-8", "surrogateescape"))
    assert ENCODED_PATH.fullmatch(first)
    assert len({first, *others}) == 1 + len(others) <= 3
    for path in (first, *others):
        assert unquote_to_bytes(path) == raw
        # in `urls` an asterisk is a wildcard, no segment is a dot, and a caret is encoded, as today's browsers do
        if not (b"*" in raw or {b".", b".."} & set(raw.split(b"/")) or "^" in path):
            assert parse_url(f"http://a.example/{path}") == f"http://a.example/{path}"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        *((f"http://a.example/{rest}",) * 2 for rest in ("x.css", "?", "x?a=/?b&c=%20", "x?y=*", "a%20b%2fc%C3%A9")),
        *((f"http://a.example/{rest}",) * 2 for rest in ("/b//", ".../.a/a..", "a;b=c:d@e")),
        *((f"http://{host}/x",) * 2 for host in ("my_host.example", "192.0.2.7", "[2001:db8::1]:8080")),
        ("HTTPS://Static.EXAMPLE.com/X.css", "https://static.example.com/X.css"),
        ("http://a.example", "http://a.example/"),
        ("http://a.example?v=1", "http://a.example/?v=1"),
        ("http://a.example/x?\u00e9'<[a]=1|2&b={}", "http://a.example/x?%C3%A9%27%3C[a]=1|2&b={}"),
        ("http://a.example/\u00e9[b]|{}`", "http://a.example/%C3%A9[b]|%7B%7D%60"),
        ("http://a.example:80/x", "http://a.example/x"),
        ("https://a.example:443/x", "https://a.example/x"),
        ("https://a.example:80/x", "https://a.example:80/x"),
        ("http://a.example:08080/x", "http://a.example:8080/x"),
        ("http://a.example:/x", "http://a.example/x"),
        ("https://B\u00dcCHER.example/", "https://xn--bcher-kva.example/"),
        ("http://fa\u00df.example/", "http://xn--fa-hia.example/"),  # not transitional
        ("http://\u4e2d\u6587\u3002example:8080/", "http://xn--fiq228c.example:8080/"),
        ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]/x"),
    ],
    ids=ascii,
)
def test_a_url_is_spelled_as_a_browser_requests_it(text: str, url: str) -> None:
    assert (parse_url(text), parse_url(url)) == (url, url)


def test_a_given_url_is_spelled_as_a_browser_spells_it() -> None:
    paths = [f"x{chr(point)}y" for point in CODE_POINTS] + ["a%20b", "%zz", "%", "a//b", "%41%e9", "a;b=c,d", "~a"]
    urls = [f"http://a.example/{before}{path}" for before in ("", "?") for path in paths]
    for url, spelled in zip(urls, as_browsers_do(urls), strict=True):
        try:
            ours = parse_url(url)
        except ZtpurgeError:
            continue
        # Node 20 leaves the caret, as the standard did until 2025
        assert ours == (spelled.replace("^", "%5E") if "?" not in url else spelled)


REFUSED = {
    "not a full URL": ["", "css/a.css", "//a.example/x", "ftp://a.example/x", "http:///x", "http://:80/x"],
    "`#`": ["http://a.example/x#y", "http://a.example/x#"],
    "wildcard": ["http://a.example/*.css"],
    "`.` or `..` segment": [f"http://a.example/{path}" for path in ("../x", "x/.", "%2e%2E/x", ".%2e/x", "%2E")],
    "control character": [f"http://a.example/{path}b" for path in ("\n", "\t", "\udce9", "\ud800", "?\ud800", "\x7f")],
    "or a backslash": ["\0http://a.example/", "http://a.example\\x"],
    "a blank or several": [f"http://a.example/{rest}" for rest in ("a b", " http://b.example/", "a,http://b.example/")],
    "a blank": ["http://a b.example/x"],
    "port is 0": ["http://a.example:0/x"],
    "not a URL": [f"http://{host}/x" for host in ("a:65536", "a:8o80", "a:80:80", "a:\u0663", "[2001:db8::1", "[zz]")],
    "host is not": [f"http://{name}/" for name in ("*.example", "-a.example", "a%2eexample", "[fe80::1%25eth0]")],
    "not a domain name": ["http://" + "\u00e9" * 64 + ".example/"],
    "longer than 16384": ["http://a.example/" + "x" * 16_400],
}


@pytest.mark.parametrize(
    ("cause", "text"),
    [(cause, text) for cause, texts in REFUSED.items() for text in texts],
    ids=lambda text: ascii(text)[:80],
)
def test_what_is_no_url_to_purge_is_refused(cause: str, text: str) -> None:
    with pytest.raises(ZtpurgeError, match=re.escape(cause)):
        parse_url(text)


PASSWORDS = [
    *("bob:hunter2@a.example/x", "hunter2@a.example/x", "bob:hunter2@a.example:x/", "bob:hunter2@/x"),
    *("bob:hunter2@a.example/../*#x", "bob:hunter2/x@a.example/", "bob:hunter2#x@a.example/"),
    *("bob:hunter2?x@a.example/", "bob:[hunter2]@a.example/", "bob:hunter2@a\u2100.example/"),  # NFKC: `a/c`
]


@pytest.mark.parametrize("rest", PASSWORDS, ids=ascii)
def test_a_password_is_refused_and_no_part_of_it_repeated(rest: str) -> None:
    for parse in (parse_url, parse_directory, parse_base):
        with pytest.raises(ZtpurgeError) as raised:
            parse(f"https://{rest}")
        assert "hunter2" not in str(raised.value)


SCHEMES = st.sampled_from(["http", "https", "HTTP"])
HOSTS = st.sampled_from(["a.example", "A.Example.", "b\u00fccher.example", "[2001:DB8::1]", "127.0.0.1"])
PORTS = st.sampled_from(["", ":", ":80", ":443", ":8080"])
QUERIES = st.just("") | st.text(ACCEPTED | st.sampled_from("/?%2e=&")).map("?{}".format)
LIKELY = st.builds(
    "{}://{}{}/{}{}".format, SCHEMES, HOSTS, PORTS, st.text(ACCEPTED | st.sampled_from("/%2e.")), QUERIES
)


@given(st.text(st.characters(codec="utf-8")).map("http://{}".format) | LIKELY)
@example("http://[")
@example("http://a:b@c:d")
@settings(max_examples=200)
def test_any_text_is_refused_or_a_url_that_is_spelled_once_for_all(text: str) -> None:
    try:
        url = parse_url(text)
    except ZtpurgeError:
        return
    assert SPELLED_URL.fullmatch(url)
    assert parse_url(url) == url


@pytest.mark.parametrize(("parse", "what"), [(parse_directory, "a directory"), (parse_base, "a prefix")])
def test_a_directory_ends_in_a_slash_and_has_no_query(parse: Callable[[str], str], what: str) -> None:
    urls = [parse(f"http://A.example{path}") for path in ("/x/", "/x", "", "/\u00e9")]
    assert urls == [f"http://a.example/{path}" for path in ("x/", "x/", "", "%C3%A9/")]
    for path, cause in (("x?y", what), ("x?", f"{what} has no query"), ("x/*", "wildcard"), ("..", "`..` segment")):
        with pytest.raises(ZtpurgeError, match=re.escape(cause)):
            parse(f"http://a.example/{path}")


def test_a_host_has_no_port() -> None:
    urls = ("http://a.example/x", "https://a.example:8443/x@y:z", "http://[2001:db8::1]:80/")
    assert [*map(host_of, urls)] == ["a.example", "a.example", "2001:db8::1"]


@given(
    st.lists(st.sampled_from([*"htps:/?#@[].\n\t A0-_%\\\u00e9", "http://", "https://", "a.example", ":80/"])).map(
        "".join
    )
)
@settings(deadline=None)
def test_the_host_of_any_text_is_what_the_standard_library_reads(text: str) -> None:
    try:
        host = urlsplit(text).hostname or ""
    except ValueError:
        host = ""
    assert host_of(text) == host
