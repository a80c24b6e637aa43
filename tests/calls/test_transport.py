"""Answers arrive whole, each with its own request, and without secrets in what is shown of them."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from sandbox.listener import Listener
from sandbox.wire import read_request
from tests.tables import cases
from ztpurge.calls.redaction import Secrets
from ztpurge.calls.transport import Answer, Exchange, Request, Session
from ztpurge.errors import ApiError, Failure, ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SECRET = "0123456789abcdefghij0123456789abcdefghij"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@contextlib.contextmanager
def server(answer_to: Callable[[int], bytes]) -> Iterator[tuple[str, list[int]]]:
    """Answer requests one after another by number; the list has how many came on each connection."""
    counts: list[int] = []

    def serve(connection: socket.socket) -> None:
        mine = len(counts)
        counts.append(0)
        with connection.makefile("rb") as stream:
            while read_request(stream):
                data = answer_to(sum(counts))
                counts[mine] += 1
                connection.sendall(data)
                if b"keep-alive" not in data:
                    return

    with Listener(serve, bind="127.0.0.1", port=0) as listener:
        yield listener.url, counts


def ask(session: Session, url: str, *, timeout: float = 10) -> Answer:
    return session.exchange(Request("GET", url, {}), timeout=timeout, most=10_000, secrets=Secrets(SECRET))


@pytest.mark.parametrize(
    "interim",
    [
        pytest.param(EARLY, id="103"),
        pytest.param(EARLY * 20, id="103 again and again"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + EARLY, id="100 and 103"),
        pytest.param(b"HTTP/1.1 102 Processing\r\n\r\n", id="102"),
        pytest.param(b"HTTP/1.1 199 \r\nA: b\r\n\r\n", id="199"),
    ],
)
def test_interim_answers_are_skipped_and_no_later_answer_is_another_call_s(interim: bytes) -> None:
    with server(lambda number: (interim if number % 2 else b"") + ok(b"%d" % number)) as (url, counts):
        session = Session(url, {})
        bodies = [ask(session, url).body for _ in range(6)]
        with session.receive(url, headers={}, timeout=10, secrets=Secrets()) as incoming:
            seen = incoming.status, b"".join(incoming.chunks)
    assert bodies == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert seen == (200, b"6")
    assert counts == [7]  # one connection for all


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        pytest.param(EARLY * 1000 + ok(b""), "more than 100 interim answers", id="interim without end"),
        pytest.param(EARLY, "broke off", id="interim and nothing more"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + ok(b"x"), "nobody asked", id="101"),
        pytest.param(b"HTTP/1.1 103\r\n" + b"A: b\r\n" * 200, "broke off", id="too many headers"),
        *((line + b"\r\n\r\n", "broke off") for line in (b"HTTP/1.1", b"HTTP/2 200", b"ICY 200 OK", b"\x16\x03\x01")),
        pytest.param(b"HTTP/1.1" + b" " * 70_000 + b"\r\n\r\n", "broke off", id="a long line"),
        *((b"x" * before + SECRET.encode() + b"\r\n\r\n", "broke off") for before in range(150, 205, 9)),
    ],
)
def test_what_is_no_answer_is_an_error_whose_text_is_redacted_before_it_is_cut(sent: bytes, words: str) -> None:
    with server(lambda _: sent) as (url, _), pytest.raises(ApiError, match=words) as caught:
        ask(Session(url, {}), url)
    assert caught.value.failure is Failure.UNREACHABLE
    assert SECRET[:8] not in str(caught.value)


def test_interim_answers_do_not_lengthen_the_time_for_an_answer() -> None:
    closing = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not closing.wait(0.05):
            connection.sendall(EARLY)

    with Listener(drip, bind="127.0.0.1", port=0) as listener:
        with pytest.raises(ApiError) as caught:
            ask(Session(listener.url, {}), listener.url, timeout=0.5)
        closing.set()
    assert caught.value.failure is Failure.TIMEOUT


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("HTTP/1.0 -1 UNKNOWN", "-1 UNKNOWN"),
        ("HTTP/1.0 1001 UNKNOWN", "1001 UNKNOWN"),
        ("HTTP/1.1 0 ", "0"),
        ("HTTP/1.1 None UNKNOWN", "None UNKNOWN"),
        (f"HTTP/1.1 -1 {SECRET}", "-1 ***"),
        (f"HTTP/1.1 -1 {'x' * 70}{SECRET}", f"-1 {'x' * 70}***"),
    ],
)
@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_status_line_without_an_http_status_is_a_502_with_its_body(line: str, words: str, connection: str) -> None:
    body = json.dumps({"error": "timed out", "successRate": 50.0}).encode()
    head = f"{line}\r\nConnection: {connection}\r\nContent-Length: {len(body)}\r\nRetry-After: 7\r\n\r\n".encode()
    with server(lambda number: ok(b"next") if number % 2 else head + body) as (url, _):
        session = Session(url, {})
        for _ in range(2):
            answer = ask(session, url)
            assert (answer.status, answer.body, answer.odd_status) == (502, body, words)
            assert answer.headers["retry-after"] == "7"
            assert ask(session, url).body == b"next"
        with session.receive(url, headers={}, timeout=10, secrets=Secrets()) as incoming:
            assert (incoming.status, b"".join(incoming.chunks)) == (502, body)


def test_an_ordinary_status_has_no_odd_words() -> None:
    with server(lambda _: b"HTTP/1.0 502 Bad Gateway\r\nX: " + SECRET.encode() + b"\r\n\r\nbody") as (url, _):
        answer = ask(Session(url, {}), url)
    assert (answer.status, answer.odd_status, answer.headers["x"], answer.body) == (502, "", "***", b"body")


CERTIFICATES = Path(__file__).parent / "tls"  # of an authority, and of a server called `localhost` by it; until 2126


def serve_tls(connection: socket.socket) -> None:
    """Answer one request over TLS: as a server, behind a tunnel if one is asked for, as a proxy without tunnels."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem")
    if connection.recv(7, socket.MSG_PEEK) == b"CONNECT":
        with connection.makefile("rb") as stream:
            read_request(stream)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
        with secured.makefile("rb") as stream:
            asked = read_request(stream)
        status = b"403 Forbidden" if asked and asked.method == "CONNECT" else b"200 OK"
        secured.sendall(b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok" % status)


AUTHORITY = str(CERTIFICATES / "authority.pem")


@pytest.fixture(params=["direct", "proxy"])
def tls_port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with Listener(serve_tls, bind="127.0.0.1", port=0) as listener:
        if request.param == "proxy":
            monkeypatch.setenv("https_proxy", listener.url)
        yield urlsplit(listener.url).port or 0


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("name", ["bundle.pem", "a4d5717b.0"], ids=["a file", "a folder"])
def test_a_company_s_bundle_is_read_once_for_all_connections(
    tmp_path: Path, tls_port: int, variable: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the library's own is not read beside it, at each connection
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", "/no/such.pem")
    bundle = tmp_path / name  # in a folder a certificate is called by its hash
    bundle.write_bytes(Path(AUTHORITY).read_bytes())
    url = f"https://localhost:{tls_port}/"
    session = Session(url, {variable: str(bundle if name.endswith(".pem") else tmp_path)})
    assert ask(session, url).body == b"ok"
    if name.endswith(".pem"):
        bundle.unlink()
    assert [ask(session, url).body for _ in range(3)] == [b"ok"] * 3


@pytest.mark.parametrize(
    ("host", "environ", "words"),
    [
        ("localhost", {}, "certificate verify failed"),
        ("127.0.0.1", {"REQUESTS_CA_BUNDLE": AUTHORITY}, "certificate is not valid for '127.0.0.1'"),
    ],
    ids=["an authority that nobody knows", "another host's certificate"],
)
def test_who_does_not_prove_who_it_is_is_told_nothing(
    tls_port: int, host: str, environ: dict[str, str], words: str
) -> None:
    url = f"https://{host}:{tls_port}/"
    with pytest.raises(ApiError, match=words) as caught:
        ask(Session(url, environ), url)
    assert caught.value.failure is Failure.UNREACHABLE


@pytest.mark.parametrize(
    ("name", "words"), [("localhost", ""), ("static.example.com", "certificate is not valid for 'static.example.com'")]
)
def test_an_address_is_asked_for_the_certificate_of_the_name(tls_port: int, name: str, words: str) -> None:
    url = f"https://127.0.0.1:{tls_port}/"
    session = Session(url, {"REQUESTS_CA_BUNDLE": AUTHORITY}, name=name)
    if not words:
        assert ask(session, url).body == b"ok"
        return
    with pytest.raises(ApiError, match=words) as caught:
        ask(session, url)
    assert caught.value.failure is Failure.UNREACHABLE


@pytest.mark.parametrize(
    ("bundle", "words"), [("/no/such.pem", "there is no file"), (__file__, "holds no certificates")]
)
def test_a_bundle_that_is_none_is_named_before_anything_is_called(bundle: str, words: str) -> None:
    with pytest.raises(ZtpurgeError, match=words) as caught:
        Session("https://api.example", {"REQUESTS_CA_BUNDLE": bundle})
    assert caught.value.place == "REQUESTS_CA_BUNDLE"
    assert Session("http://api.example", {"REQUESTS_CA_BUNDLE": bundle})  # which does without


@pytest.mark.parametrize(
    ("environ", "words"),
    [({}, "certificate verify failed"), ({"CURL_CA_BUNDLE": AUTHORITY}, "Tunnel connection failed: 403")],
    ids=["unknown", "known"],
)
def test_a_proxy_proves_who_it_is_before_it_is_told_anything(
    environ: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener(serve_tls, bind="127.0.0.1", port=0) as listener:
        for variable in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(variable, f"https://localhost:{urlsplit(listener.url).port}")
        for url in ("https://static.example.com/", "http://static.example.com/"):
            if environ and url.startswith("http:"):
                assert ask(Session(url, environ), url).body == b"ok"
                continue
            with pytest.raises(ApiError, match=words):
                ask(Session(url, environ), url)


def told_of(answer: bytes, request: Request) -> Exchange:
    """Return what is told of a request that a server gives this answer to."""
    heard: list[Exchange] = []
    with server(lambda _: answer) as (url, _), contextlib.suppress(ApiError):
        session = Session(url, {}, on_exchange=heard.append)
        asked = replace(request, url=f"{url}{request.url}")
        session.exchange(asked, timeout=10, most=10_000_000, secrets=Secrets(SECRET))
    (exchange,) = heard
    assert exchange.url.startswith(url)
    assert SECRET not in str(exchange)
    assert 0 < exchange.seconds < 10
    return replace(exchange, url=exchange.url.removeprefix(url), seconds=0.0)


AGED = b"HTTP/1.1 200 OK\r\nAge: 7\r\nVia: %s\r\nX-Other: y\r\nContent-Length: 2\r\n\r\n{}" % SECRET.encode()
POST = Request("POST", f"/a?{SECRET}", {"X-Auth-Token": SECRET}, json.dumps({"urls": ["http://a/b", SECRET]}))
BROKEN = "the call broke off: IncompleteRead(1 bytes read, 8 more expected)"
SENT = '{"urls": ["http://a/b", "***"]}'


@cases("answer asked exchange", {
    "a call": (AGED, POST, Exchange("POST", "/a?***", SENT, 200, (("age", "7"), ("via", "***")), "{}", "", 0.0)),
    "nothing to send": (ok(b"x"), Request("GET", "/", {}), Exchange("GET", "/", "", 200, (), "x", "", 0.0)),
    "a secret in the answer": (ok(SECRET.encode()), POST, Exchange("POST", "/a?***", SENT, 200, (), "***", "", 0.0)),
    "a login": (ok(SECRET.encode()), replace(POST, is_private=True),
                Exchange("POST", "/a?***", "(68 bytes)", 200, (), "(40 bytes)", "", 0.0)),
    "a long answer": (ok(b"x" * 1_000_000), POST,
                      Exchange("POST", "/a?***", SENT, 200, (), "(1,000,000 bytes)", "", 0.0)),
    "one that breaks off": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", POST,
                            Exchange("POST", "/a?***", SENT, None, (), "", BROKEN, 0.0)),
})  # fmt: skip
def test_an_exchange_is_told_without_secrets(answer: bytes, asked: Request, exchange: Exchange) -> None:
    assert told_of(answer, asked) == exchange


def test_of_a_page_its_headers_are_told_once_it_was_read() -> None:
    heard: list[Exchange] = []
    with server(lambda _: AGED) as (url, _):
        session = Session(url, {}, on_exchange=heard.append)
        with session.receive(f"{url}/%41", headers={}, timeout=10, secrets=Secrets(SECRET)) as incoming:
            assert heard == []
            assert b"".join(incoming.chunks) == b"{}"
    (exchange,) = heard
    assert exchange.url == f"{url}/%41"
    assert (exchange.status, exchange.headers, exchange.said) == (200, (("age", "7"), ("via", "***")), "")
