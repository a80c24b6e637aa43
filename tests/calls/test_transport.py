"""Answers arrive whole, each with its own request, and without secrets in what is shown of them."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sandbox.listener import Listener
from sandbox.wire import read_request
from ztpurge.calls.redaction import Secrets
from ztpurge.calls.transport import Answer, exchange, make_session, receive
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    import requests

SECRET = "0123456789abcdefghij0123456789abcdefghij"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@contextmanager
def server(answer_to: Callable[[int], bytes]) -> Iterator[tuple[str, list[int]]]:
    """Answer the requests of each connection by number; the list has how many came on each."""
    lock = threading.Lock()
    counts: list[int] = []
    total = 0

    def serve(connection: socket.socket) -> None:
        nonlocal total
        counts.append(0)
        mine = len(counts) - 1
        with connection.makefile("rb") as stream:
            while read_request(stream):
                with lock:
                    number, total = total, total + 1
                    counts[mine] += 1
                data = answer_to(number)
                connection.sendall(data)
                if b"keep-alive" not in data:
                    return

    with Listener(serve, bind="127.0.0.1", port=0) as listener:
        yield listener.url, counts


def ask(session: requests.Session, url: str, *, timeout: float = 10) -> Answer:
    return exchange(session, "GET", url, headers={}, timeout=timeout, most=10_000, secrets=Secrets(SECRET))


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
        session = make_session(url, {})
        bodies = [ask(session, url).body for _ in range(6)]
        with receive(session, url, headers={}, timeout=10, secrets=Secrets()) as incoming:
            seen = incoming.status, b"".join(incoming.chunks)
    assert bodies == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert seen == (200, b"6")
    assert counts == [7]  # one connection for all


@pytest.mark.parametrize(
    ("sent", "failure", "words"),
    [
        pytest.param(EARLY * 1000 + ok(b""), Failure.UNREACHABLE, "more than 100 interim answers", id="without end"),
        pytest.param(EARLY, Failure.UNREACHABLE, "broke off", id="and nothing more"),
        pytest.param(
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + ok(b"x"), Failure.UNREACHABLE, "nobody asked", id="101"
        ),
        pytest.param(b"HTTP/1.1 103\r\n" + b"A: b\r\n" * 200, Failure.UNREACHABLE, "broke off", id="too many headers"),
    ],
)
def test_interim_answers_without_an_answer_are_none(sent: bytes, failure: Failure, words: str) -> None:
    with server(lambda _: sent) as (url, _), pytest.raises(ApiError, match=words) as caught:
        ask(make_session(url, {}), url)
    assert caught.value.failure is failure


def test_interim_answers_do_not_lengthen_the_time_for_an_answer() -> None:
    closing = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not closing.wait(0.05):
            connection.sendall(EARLY)

    with Listener(drip, bind="127.0.0.1", port=0) as listener:
        with pytest.raises(ApiError) as caught:
            ask(make_session(listener.url, {}), listener.url, timeout=0.5)
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
        session = make_session(url, {})
        for _ in range(2):
            answer = ask(session, url)
            assert (answer.status, answer.body, answer.odd_status) == (502, body, words)
            assert answer.headers["retry-after"] == "7"
            assert ask(session, url).body == b"next"
        with receive(session, url, headers={}, timeout=10, secrets=Secrets()) as incoming:
            assert (incoming.status, b"".join(incoming.chunks)) == (502, body)


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1", b"HTTP/2 200", b"ICY 200 OK", b"\x16\x03\x01", b"HTTP/1.1" + b" " * 70_000]
)
def test_what_is_no_status_line_is_no_answer(line: bytes) -> None:
    with server(lambda _: line + b"\r\n\r\n") as (url, _), pytest.raises(ApiError) as caught:
        ask(make_session(url, {}), url)
    assert caught.value.failure is Failure.UNREACHABLE


def test_an_ordinary_status_has_no_odd_words() -> None:
    with server(lambda _: b"HTTP/1.0 502 Bad Gateway\r\nX: " + SECRET.encode() + b"\r\n\r\nbody") as (url, _):
        answer = ask(make_session(url, {}), url)
    assert (answer.status, answer.odd_status, answer.headers["x"], answer.body) == (502, "", "***", b"body")


@pytest.mark.parametrize("before", range(150, 205, 9))
def test_an_error_s_text_is_redacted_before_it_is_cut(before: int) -> None:
    line = b"x" * before + SECRET.encode() + b"\r\n\r\n"
    with server(lambda _: line) as (url, _), pytest.raises(ApiError) as caught:
        ask(make_session(url, {}), url)
    assert SECRET[:8] not in str(caught.value)
