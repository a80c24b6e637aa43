"""What an edge serves is compared byte by byte, however it is sent, and asked for as a browser would."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import socket
import threading
import time
import tracemalloc
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Headers, Reply
from sandbox.listener import Listener
from sandbox.wire import read_request, render
from tests.conftest import FakeClock, make_scheduler
from tests.standins.repositories import Repository
from tests.tables import cases
from ztpurge.calls.clock import Clock
from ztpurge.calls.redaction import Secrets
from ztpurge.changes.contents import MOST_BYTES, MOST_BYTES_UNKNOWN, Content
from ztpurge.edge.fetch import Edges, Look
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sandbox.wire import Request

OK = b"HTTP/1.1 200 OK\r\n"
CLOSE = b"Connection: close\r\n\r\n"
KEEP_BODY = OK + b"Connection: keep-alive\r\nContent-Length: 4\r\n\r\nbody"
MIB = 1 << 20
SECRET = "a-secret-that-nobody-may-see"
MIDNIGHT = "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.fixture(autouse=True)
def no_proxy_of_whoever_runs_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@dataclass
class Edge:
    """An edge that sends the same pieces to everybody and notes who asked, and how much it could send."""

    pieces: Callable[[], Iterable[bytes]]
    url: str = ""
    asked: list[Request] = field(default_factory=list)
    connections: int = 0
    sent: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        self.connections += 1
        first = next(iter(self.pieces()), b"")
        with connection.makefile("rb") as stream:
            try:
                while request := read_request(stream):
                    self.asked.append(request)
                    for piece in self.pieces():
                        connection.sendall(piece)
                        self.sent += len(piece)
                    if b"keep-alive" not in first:
                        return
            finally:
                self.ended.set()

    def look(self, expected: Content | None, *, timeout: float = 10, target: str = "/a") -> Look:
        return Edges({}, Secrets()).look(url := self.url + target, url, expected, timeout)

    @property
    def targets(self) -> list[bytes]:
        return [request.target for request in self.asked]


@contextmanager
def edge(*pieces: bytes, stream: Callable[[], Iterable[bytes]] | None = None) -> Iterator[Edge]:
    served = Edge(stream or (lambda: pieces))
    with Listener(served.serve, bind="127.0.0.1", port=0) as listener:
        served.url = listener.url
        yield served


def answer(body: bytes = b"", *headers: tuple[str, str], status: int = 200) -> bytes:
    return render(Reply(status, headers=Headers(headers), body=body))


def look(sent: bytes, expected: Content | None, *, timeout: float = 10) -> Look:
    with edge(sent) as served:
        return served.look(expected, timeout=timeout)


def plain(data: bytes) -> Content:
    return Content(hashlib.sha256(data).hexdigest(), len(data))


def blob(data: bytes, algorithm: str = "sha1") -> Content:
    digest = hashlib.new(algorithm, b"blob %d\0" % len(data) + data).hexdigest()
    return Content(digest, len(data), is_blob=True)


def of_unknown_size(data: bytes) -> Content:
    return Content(blob(data).digest, None, is_blob=True)


def encoded(encoding: str, body: bytes) -> bytes:
    return answer(body, ("Content-Encoding", encoding))


def chunked(body: bytes, size: int = 1000, head: bytes = b"") -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return OK + head + b"Transfer-Encoding: chunked\r\n" + CLOSE + framed


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def members(data: bytes) -> bytes:
    return b"".join(gzip.compress(data[start : start + 5000]) for start in range(0, max(len(data), 1), 5000))


KINDS: dict[str, Callable[[bytes], Content]] = {
    "SHA-256": plain,
    "blob": blob,
    "SHA-256 blob": lambda data: blob(data, "sha256"),
    "size unknown": of_unknown_size,
}
GZIP = b"Content-Encoding: gzip\r\n"
DEFLATE = b"Content-Encoding: deflate\r\n"
TRANSFERS: dict[str, Callable[[bytes], bytes]] = {
    "Content-Length": answer,
    "until the connection closes": lambda data: OK + CLOSE + data,
    "HTTP 1.0": lambda data: b"HTTP/1.0 200 OK\r\n\r\n" + data,
    "chunked": chunked,
    "identity": lambda data: encoded("identity", data),
    "Identity twice": lambda data: encoded("identity ,, Identity", data),
    "gzip, identity": lambda data: encoded("gzip, identity", gzip.compress(data)),
    "IDENTITY ,GZIP": lambda data: encoded("IDENTITY ,GZIP", gzip.compress(data)),
    "identity, deflate": lambda data: encoded("identity,\tdeflate", zlib.compress(data)),
    "chunked beside a length": lambda data: chunked(data, head=b"Content-Length: 7\r\n"),
    "chunked beside an unreadable length": lambda data: chunked(data, head=b"Content-Length: 1, 2\r\n"),
    "gzip chunked beside a length": lambda data: chunked(gzip.compress(data), head=GZIP + b"Content-Length: 7\r\n"),
    "gzip": lambda data: encoded("gzip", gzip.compress(data)),
    "x-gzip": lambda data: encoded("x-gzip", gzip.compress(data)),
    "GZIP": lambda data: encoded(" GZIP ", gzip.compress(data)),
    "gzip chunked": lambda data: chunked(gzip.compress(data), 7, GZIP),
    "gzip in members": lambda data: encoded("gzip", members(data)),
    "gzip without a length": lambda data: OK + GZIP + CLOSE + gzip.compress(data),
    "deflate": lambda data: encoded("deflate", zlib.compress(data)),
    "deflate chunked": lambda data: chunked(zlib.compress(data), 1, DEFLATE),
    "raw deflate": lambda data: encoded("deflate", raw_deflate(data)),
    "raw deflate chunked": lambda data: chunked(raw_deflate(data), 1, DEFLATE),
}
BODIES = {"a page": b"<p>caf\xc3\xa9</p>\n" * 2000, "one byte": b"x", "empty": b""}


OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "a byte changed": lambda body: body[:-1] + b"!",
    "a byte longer": lambda body: body + b"!",
    "a byte shorter": lambda body: body[:-1],
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("transfer", TRANSFERS.values(), ids=TRANSFERS)
def test_the_content_and_no_other_is_known_however_it_is_sent(
    transfer: Callable[[bytes], bytes], kind: Callable[[bytes], Content]
) -> None:
    for name, body in BODIES.items():
        seen = look(transfer(body), kind(body))
        assert (seen.status, seen.is_match, seen.unread) == (200, True, ""), name
    for name, other in OTHERS.items():
        assert not look(transfer(other(BODIES["a page"])), kind(BODIES["a page"])).is_match, name


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("body", [b"", b"x\r\n", bytes(range(256)) * 8000], ids=["empty", "CRLF", "large"])
def test_ids_are_those_that_git_gives(tmp_path: Path, algorithm: str, body: bytes) -> None:
    repository = Repository(tmp_path, init=False)
    repository.git("init", "--quiet", f"--object-format={algorithm}")
    sha = repository.git("hash-object", "--stdin", data=body)
    for sent in (answer(body), encoded("gzip", gzip.compress(body, 1))):
        assert look(sent, Content(sha, len(body), is_blob=True)).is_match
        assert look(sent, Content(sha, None, is_blob=True)).is_match


PIECE, STORED, BODY = bytes(MIB), gzip.compress(b"text" * 1000), b"body" * 100
NONE_OF = [b"", b"a", b"garbags", BODY]
COMPARED: dict[str, tuple[bytes, list[bytes], list[bytes]]] = {  # what is sent, what that is, and what it is not
    "stored compressed": (encoded("gzip", STORED), [STORED, b"text" * 1000], [b"TEXT" * 1000]),
    "a member that ends where a piece does": (
        encoded("gzip", gzip.compress(PIECE) + gzip.compress(BODY)), [PIECE + BODY], [PIECE]
    ),
    "garbage behind it, as browsers have it": (encoded("gzip", gzip.compress(BODY) + b"garbage"), [BODY], []),
    "no gzip": (encoded("gzip", b"garbage"), [], NONE_OF),
    "gzip cut off in its head": (encoded("gzip", b"\x1f\x8b\x08\x00"), [], NONE_OF),
    "gzip cut off before its check sum": (encoded("gzip", gzip.compress(b"")[:-8]), [], NONE_OF),
    "no deflate": (encoded("deflate", b"\xff\xffgarbage"), [], NONE_OF),
    "deflate cut off": (encoded("deflate", b"\x78"), [], NONE_OF),
    "cut off in the status line": (b"HTTP/1.1 200", [], [BODY]),
    "cut off in a header": (OK + b"Content-Le", [], [BODY]),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(("sent", "same", "others"), COMPARED.values(), ids=COMPARED)
def test_only_what_is_whole_once_it_is_inflated_or_as_it_is_sent_can_match(
    sent: bytes, same: list[bytes], others: list[bytes], kind: Callable[[bytes], Content]
) -> None:
    assert [data for data in same + others if look(sent, kind(data)).is_match] == same


@pytest.mark.parametrize(
    ("encoding", "unread"),
    [
        ("br", "br"), ("zstd", "zstd"), ("gzip, br", "gzip, br"), ("Gzip , gzip", "gzip, gzip"), ("identity, br", "br"),
        ("##[error]x", "#\\#[error]x"), ("x" * 99, f"{'x' * 40}... (99 characters)"),
    ],
)  # fmt: skip
def test_compression_that_cannot_be_undone_is_named(encoding: str, unread: str) -> None:
    stored = b"\x0b\x02\x80body\x03"
    seen = look(encoded(encoding, stored), plain(b"body"))
    assert (seen.is_match, seen.unread) == (False, unread)
    assert look(encoded(encoding, stored), plain(stored)).is_match  # as it is sent


@pytest.mark.parametrize(
    ("expected", "most"),
    [
        pytest.param(Content("a" * 64, 10), 8 * MIB, id="a few bytes"),
        pytest.param(Content("a" * 64, 40 * MIB), 8 * MIB, id="some more, of which nothing is kept"),
        pytest.param(Content("a" * 40, None, is_blob=True), 3 * MOST_BYTES_UNKNOWN, id="size unknown"),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_left_before_it_fills_the_memory(expected: Content, most: int, encoding: str) -> None:
    compressor = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    bomb = b"".join(compressor.compress(bytes(MIB)) for _ in range(64)) + compressor.flush()
    tracemalloc.start()
    try:
        assert not look(encoded(encoding, bomb), expected).is_match
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


CHUNKED = b"Transfer-Encoding: chunked\r\n" + CLOSE
TEN = plain(b"0123456789")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(OK + CLOSE, TEN, id="without a length"),
        pytest.param(OK + CHUNKED, TEN, id="chunked"),
        pytest.param(OK + b"Content-Length: 999999999999\r\n" + CLOSE, TEN, id="another length"),
        pytest.param(OK + GZIP + CLOSE, TEN, id="no gzip at all"),
        pytest.param(b"HTTP/1.1 404 Not Found\r\n" + CLOSE, TEN, id="not found"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /b\r\n" + CLOSE, TEN, id="redirect"),
        pytest.param(OK + CLOSE, None, id="the status alone counts"),
    ],
)
def test_a_body_is_left_as_soon_as_it_cannot_be_the_one_expected(head: bytes, expected: Content | None) -> None:
    framed = (b"10000\r\n", b"\r\n") if CHUNKED in head else (b"", b"")
    with edge(stream=lambda: itertools.chain([head], itertools.repeat(bytes(65536).join(framed)))) as served:
        assert not served.look(expected, timeout=30).is_match
        assert served.ended.wait(10)
        assert served.sent < 16 * MIB  # what the sockets' buffers hold


def test_a_body_of_unknown_size_is_kept_up_to_a_limit_unless_its_size_is_announced() -> None:
    with edge(stream=lambda: itertools.chain([OK + CLOSE], itertools.repeat(bytes(65536)))) as served:
        seen = served.look(of_unknown_size(b"x"), timeout=30)
        assert (seen.is_match, seen.is_too_long) == (False, True)
        assert served.ended.wait(10)
        assert MOST_BYTES_UNKNOWN <= served.sent < 2 * MOST_BYTES_UNKNOWN
    whole = bytes(MOST_BYTES_UNKNOWN)
    assert look(OK + CLOSE + whole, of_unknown_size(whole), timeout=30).is_match
    assert look(answer(whole + b"x"), of_unknown_size(whole + b"x"), timeout=30).is_match


@pytest.mark.parametrize(("length", "is_small"), [(0, True), (1, True), (1023, True), (1024, False)])
def test_small_bodies_that_match_are_handed_over(length: int, is_small: bool) -> None:
    body = b"p" * length
    small = body if is_small else b""
    assert look(answer(body), blob(body)).small == small
    assert look(answer(body), of_unknown_size(body)).small == small
    assert look(encoded("gzip", gzip.compress(body)), blob(body)).small == small
    assert look(answer(b"q" * length), blob(body)).small == b""


@pytest.mark.parametrize(
    ("status", "sent", "location"),
    [
        *((status, b"/b?c#d", "/b?c#d") for status in (301, 302, 303, 307, 308)),
        (200, b"/b", ""), (404, b"/b", ""), (302, b"", ""),
        pytest.param(301, b"/caf\xc3\xa9/", "/caf\u00e9/", id="read as browsers do"),
    ],
)  # fmt: skip
def test_a_redirect_is_reported_and_not_followed(status: int, sent: bytes, location: str) -> None:
    headers = b"Retry-After: 7\r\n" + (b"Location: %b\r\n" % sent if sent else b"")
    with edge(b"HTTP/1.1 %d Moved\r\nContent-Length: 0\r\n" % status + headers + CLOSE) as served:
        seen = served.look(plain(b"moved"))
    assert seen == Look(status, location=location, retry_after="7")
    assert served.targets == [b"/a"]


@pytest.mark.parametrize("status", [201, 203, 206, 304, 403, 404, 410, 429, 500, 503])
def test_only_a_whole_answer_can_match(status: int) -> None:
    with_body = b"" if status == 304 else b"body"
    seen = look(answer(with_body, status=status), plain(with_body))
    assert (seen.status, seen.is_match) == (status, False)


@pytest.mark.parametrize(
    ("sent", "age"),
    [
        ("0", 0),
        ("86400", 86400),
        ("-1", None),
        ("1, 2", None),
        ("\u00b2", None),
        pytest.param("9" * 5000, None, id="ever"),
    ],
)
def test_the_age_of_a_copy_is_read(sent: str, age: int | None) -> None:
    assert look(answer(b"", ("Age", sent)), None).age == age


def drip(data: bytes, head: bytes = b"") -> Iterator[bytes]:
    yield head
    for number in range(len(data)):
        yield data[number : number + 1]
        time.sleep(0.02)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(lambda: drip(answer(b"x" * 500)), id="head byte by byte"),
        pytest.param(lambda: drip(bytes(500), OK + b"Content-Length: 500\r\n\r\n"), id="body byte by byte"),
        pytest.param(lambda: drip(chunked(bytes(500), 1)), id="chunk by chunk"),
    ],
)
def test_a_server_that_drips_is_left_when_the_time_is_up(stream: Callable[[], Iterable[bytes]]) -> None:
    began = time.monotonic()
    with edge(stream=stream) as served, pytest.raises(ApiError) as caught:
        served.look(Content("a" * 64, 500), timeout=0.3)
    assert caught.value.failure is Failure.TIMEOUT
    assert time.monotonic() - began < 5


def test_the_time_that_a_server_dripped_counts_when_it_falls_silent() -> None:
    ended = threading.Event()

    def stream() -> Iterator[bytes]:
        yield OK
        time.sleep(0.7)
        yield b"Content-Length: 9\r\n\r\n"
        ended.wait(20)

    began = time.monotonic()
    with edge(stream=stream) as served:
        with pytest.raises(ApiError):
            served.look(plain(bytes(9)), timeout=0.8)
        ended.set()
    assert time.monotonic() - began < 1.3


def test_a_server_that_says_nothing_is_left_when_the_time_is_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ApiError) as caught:
        Edges({}, Secrets()).look(
            f"http://127.0.0.1:{silent.getsockname()[1]}/",
            f"http://127.0.0.1:{silent.getsockname()[1]}/",
            plain(b""),
            0.1,
        )
    assert caught.value.failure is Failure.TIMEOUT


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(answer(BODY)[:-1], id="in the body"),
        pytest.param(encoded("gzip", gzip.compress(BODY))[:-1], id="in the compressed body"),
        pytest.param(chunked(BODY)[:-200], id="in a chunk"),
        pytest.param(chunked(BODY)[: -len(b"0\r\n\r\n")], id="before the last chunk"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="something else than HTTP"),
        pytest.param(OK + CHUNKED + b"zz\r\nbody\r\n", id="a chunk of no size"),
    ],
)
def test_an_answer_that_is_cut_off_is_an_error(sent: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        look(sent, plain(BODY))
    assert caught.value.failure in {Failure.UNREACHABLE, Failure.UNREADABLE}


def test_what_cannot_match_by_its_length_is_not_read_to_where_it_is_cut_off() -> None:
    assert not look(answer(b"x" * 1000)[:-1], plain(BODY)).is_match
    assert not look(answer(b"x" * 100)[:-1], plain(BODY)).is_match
    assert look(OK + b"Content-Length: %d\r\n" % (MOST_BYTES + 1) + CLOSE, of_unknown_size(BODY)).is_too_long


def test_the_request_is_a_browser_s_without_token_or_cookie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    with edge(KEEP_BODY.replace(b"\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n", 1)) as served:
        edges = Edges({"INPUT_TOKEN": "secret", "GITHUB_TOKEN": "secret"}, Secrets())
        url = f"{served.url}/a"
        for _ in range(2):
            assert edges.look(url, url, plain(b"body"), 10).is_match
        assert edges.look(url, url, plain(b"other"), 10).is_match is False
    assert len(served.asked) == 3
    for request in served.asked:
        assert request.method == "GET"
        assert set(request.headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
        assert request.headers["User-Agent"].startswith("Mozilla/5.0 (compatible; ztpurge/")
        assert request.headers["Accept-Encoding"] == "gzip, deflate"
        assert request.headers["Accept"].startswith("text/html")
        assert f"http://{request.headers['Host']}" == served.url


@pytest.mark.parametrize(
    "target",
    [
        "/", "/a%20b", "/caf%C3%A9", "/caf%c3%a9", "/%FF", "/100%25", "/100%", "/%zz", "/%7Ea", "/%41", "/a%2Fb",
        "/a%2eb", "//a", "/a//b", "//", "/a;b=c", "/!$&'()*+,;=:@", "/~a", "/[id].js", "/a|b.css", "/x^y.css",
        '/{}`"<>\\', "/a/../b", "/%2e%2e%2fa", "/a/%2E%2E/b", "/a?b=c&d=%20", "/a?b/c?d", "/a?[b]|^`{}", "/a?", "/?",
        "/a?b=http://c/d",
    ],
)  # fmt: skip
def test_a_url_is_asked_for_in_its_very_bytes(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with edge(answer(b"body")) as served:
        assert served.look(plain(b"body"), target=target).is_match
        assert served.targets == [target.encode()]
        monkeypatch.setenv("http_proxy", served.url)
        url = f"http://static.example.com{target}"
        assert Edges({}, Secrets()).look(url, url, plain(b"body"), 10).is_match
        assert served.targets[1:] == [b"http://static.example.com" + target.encode()]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://a.example/a", "a.example"), ("http://a.example:8080/a", "a.example:8080"),
        ("https://[2001:db8::1]/a", "[2001:db8::1]"),
    ],
)  # fmt: skip
def test_a_server_is_asked_in_the_name_of_the_url_wherever_it_is(url: str, host: str) -> None:
    with edge(KEEP_BODY) as served:
        edges = Edges({}, Secrets())
        for target in ("/a", "/prefix/a%20b?c"):
            assert edges.look(url, served.url + target, plain(b"body"), 10).is_match
        assert edges.look(served.url, served.url, plain(b"body"), 10).is_match
    assert [request.headers["Host"] for request in served.asked] == [host, host, served.url.removeprefix("http://")]
    assert served.targets == [b"/a", b"/prefix/a%20b?c", b"/"]
    assert served.connections == 2


def test_an_edge_of_a_host_that_needs_no_proxy_is_asked_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "static.example.com")
    with edge(KEEP_BODY) as served:
        assert Edges({}, Secrets()).look("http://static.example.com/", served.url, plain(b"body"), 10).is_match


def test_a_host_behind_a_proxy_is_asked_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.9")
    told = {"b.example": ("192.0.2.1", "192.0.2.2"), "127.0.0.9": ("192.0.2.1", "192.0.2.2")}
    found = Edges({}, Secrets()).find_servers(
        ["http://b.example/1", "http://b.example/2", "http://127.0.0.9/"], told, make_scheduler(Clock(), seconds=20)
    )
    assert found.edges == {"b.example": ("",), "127.0.0.9": ("192.0.2.1", "192.0.2.2")}


PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=20)


@given(st.lists(PRINTABLE, min_size=1, max_size=5))
@settings(deadline=None, max_examples=25)
def test_any_urls_are_asked_for_in_their_very_bytes_one_after_another(targets: list[str]) -> None:
    with edge(KEEP_BODY) as served:
        edges = Edges({}, Secrets())
        for target in targets:
            edges.look(url := f"{served.url}/{target}", url, None, 10)
    assert served.targets == [f"/{target}".encode() for target in targets]


def test_the_edge_s_word_is_kept_as_evidence_made_safe_to_show() -> None:
    headers = (
        ("LAST-MODIFIED", "Mon, 01 Jan 2026 00:00:00 GMT"),
        ("Via", f"1.1 {'x' * 200}"),
        ("Age", "##[error]17"),
        ("X-Cache", "::error::HIT \x1b[31m\x01"),
        ("ETag", '"abc"'),
        ("Server", "nginx"),
        ("Set-Cookie", "a=b"),
        ("X-Served-By", "cache-fra-eddf8230071-FRA"),
        ("X-Amz-Cf-Pop", "FRA56-P6"),
        ("CF-RAY", "6ad96d0a4873697b-FRA"),
        ("Cache-Status", "a; hit"),
        ("cache-status", '"Netlify Edge"; fwd=miss'),
    )
    assert look(answer(b"old", *headers), plain(b"new")).said == (
        ("Age", "#\\#[error]17"),
        ("X-Cache", "\\::error::HIT \\x1b[31m\\x01"),
        ("Cache-Status", 'a; hit, "Netlify Edge"; fwd=miss'),
        ("CF-Ray", "6ad96d0a4873697b-FRA"),
        ("X-Amz-Cf-Pop", "FRA56-P6"),
        ("X-Served-By", "cache-fra-eddf8230071-FRA"),
        ("Via", f"1.1 {'x' * 96}... (204 characters)"),
        ("ETag", '"abc"'),
        ("Last-Modified", "Mon, 01 Jan 2026 00:00:00 GMT"),
    )


@cases("headers status place in_browsers", {
    "a place and a week": ((("CF-Ray", "6ad96d0a48-FRA"), ("Cache-Control", "max-age=604800")), 200, "FRA", 604800),
    "of two lines the shorter": ((("Cache-Control", "max-age=60"), ("Cache-Control", "no-cache")), 200, "", 0),
    "until a date": ((("Expires", MIDNIGHT.replace("00:", "01:", 1)), ("Date", MIDNIGHT)), 200, "", 3600),
    "nothing is said": ((("Last-Modified", MIDNIGHT),), 200, "", None),
    "an error is not what browsers have": ((("Cache-Control", "max-age=60"),), 404, "", 0),
    "a secret is no place": ((("X-Amz-Cf-Pop", f"FRA-{SECRET}"), ("Via", "1.1 shield")), 200, "shield", 0),
})  # fmt: skip
def test_where_an_edge_is_and_how_long_browsers_keep_what_it_served_is_told(
    headers: tuple[tuple[str, str], ...], status: int, place: str, in_browsers: float | None
) -> None:
    with edge(answer(b"old", *headers, status=status)) as served:
        found = Edges({}, Secrets(SECRET)).look(served.url, served.url, plain(b"new"), 10)
    assert (found.place, found.in_browsers) == (place, in_browsers)


def test_a_host_that_the_environment_excepts_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with edge(answer(b"body")) as served:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert served.look(plain(b"body")).is_match


@pytest.mark.parametrize("threads", [1, 8])
def test_connections_are_used_again_for_the_same_host_by_many_threads(threads: int) -> None:
    with edge(KEEP_BODY) as served:
        edges = Edges({}, Secrets())
        urls = [f"{served.url}/{number}" for number in range(16)]
        looks = make_scheduler(FakeClock(), concurrency=threads).each(
            urls, lambda url: edges.look(url, url, plain(b"body"), 10).is_match
        )
        assert [is_match for _, is_match in looks] == [True] * 16
    assert served.connections <= threads
