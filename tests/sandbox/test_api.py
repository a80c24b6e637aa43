"""The sandbox's API over real sockets: the table of answers, tasks, tokens, faults and the record."""

import contextlib
import itertools
import json
import socket
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPConnection, HTTPMessage, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox import Fault, Provider, Sandbox, Service
from sandbox.accounts import Account
from sandbox.answers import Shape
from sandbox.api import Api
from sandbox.cache import Cache
from sandbox.faults import Script
from sandbox.record import Record
from sandbox.switchboard import Switchboard

HOST = "static.example.com"
URL = f"http://{HOST}/a.css"
JSON = {"Content-Type": "application/json"}
SIGNED = {**JSON, "X-Auth-Token": "secret-token"}


@dataclass
class SetClock:
    now: float = 1_448_278_659.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Heard:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def document(self) -> object:
        return json.loads(self.body)


def send(
    cdn: Sandbox,
    document: object = None,
    *,
    body: bytes | None = None,
    path: str = "/cdn_api/purge",
    method: str = "POST",
    headers: Mapping[str, str] = SIGNED,
    timeout: float = 30,
) -> Heard:
    data = json.dumps(document).encode() if body is None and method == "POST" else body
    connection = HTTPConnection(urlsplit(cdn.api_url).netloc, timeout=timeout)
    try:
        connection.request(method, path, body=data, headers=dict(headers))
        with connection.getresponse() as response:
            return Heard(response.status, response.headers, response.read())
    finally:
        connection.close()


def status_of(cdn: Sandbox, req_id: str) -> str:
    heard = send(cdn, path=f"/cdn_api/req_status/{req_id}", method="GET")
    assert isinstance(heard.document, dict)
    status: str = heard.document["task"]["taskStatus"]
    return status


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def cdn(tmp_path: Path, clock: SetClock) -> Iterator[Sandbox]:
    (tmp_path / "a.css").write_text("a")
    (tmp_path / "b.css").write_text("b")
    with Sandbox(
        tmp_path,
        hosts=(HOST, "www.example.com"),
        token="secret-token",
        shape="seen",
        propagation=5.0,
        username="user",
        password="pass",
        token_lifetime=60.0,
        clock=clock,
    ) as cdn:
        yield cdn


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        pytest.param("documented", ["ret", "msg", "reqId", "success_rate"], id="documented"),
        pytest.param("seen", ["reqId", "successRate"], id="seen"),
    ],
)
def test_purge_is_answered_in_either_shape(tmp_path: Path, shape: Shape, names: list[str]) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), token="secret-token", shape=shape) as cdn:
        heard = send(cdn, {"urls": [URL]})
        (call,) = cdn.purge_calls
    assert heard.status == 200
    document = heard.document
    assert isinstance(document, dict)
    values = document["zt_api"] if shape == "documented" else document
    assert list(values) == names
    assert uuid.UUID(values["reqId"]).version == 1
    assert call.req_id == values["reqId"]


def test_answers_are_http_1_0_and_the_connection_ends(cdn: Sandbox) -> None:
    host, _, port = urlsplit(cdn.api_url).netloc.partition(":")
    with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"GET /cdn_api/purge HTTP/1.1\r\nConnection: keep-alive\r\n\r\n")
        assert stream.read().startswith(b"HTTP/1.0 405 METHOD NOT ALLOWED\r\n")


@pytest.mark.parametrize(
    ("headers", "body", "status", "media_type", "text"),
    [
        pytest.param(JSON, b"{}", 401, "text/html", "Unauthorized", id="no token"),
        pytest.param({**JSON, "X-Auth-Token": ""}, b"{}", 401, "text/html", "Unauthorized", id="empty token"),
        pytest.param(
            {**JSON, "X-Auth-Token": "x"}, b"{}", 400, "application/json", '{"error": "invalid token"}', id="bad token"
        ),
        pytest.param({"X-Auth-Token": "secret-token"}, b"{}", 500, "text/html", "<h1>500", id="no content type"),
        pytest.param(
            {**SIGNED, "Content-Type": "text/plain"}, b"{}", 500, "text/html", "<h1>500", id="another content type"
        ),
        pytest.param(SIGNED, b"{", 400, "text/html", "<h1>400", id="not JSON"),
        pytest.param(SIGNED, b"\xff", 400, "text/html", "<h1>400", id="not even text"),
        pytest.param(SIGNED, b"[]", 500, "text/html", "<h1>500", id="not an object"),
        pytest.param(SIGNED, b'{"urls": "http://x/"}', 500, "text/html", "<h1>500", id="not a list"),
        pytest.param(SIGNED, b'{"urls": [1]}', 500, "text/html", "<h1>500", id="not texts"),
        pytest.param(SIGNED, b"{}", 404, "application/json", '{"error": "can not found sp"}', id="neither key"),
        pytest.param(
            SIGNED, b'{"urls": []}', 404, "application/json", '{"error": "can not found sp"}', id="empty list"
        ),
        pytest.param(
            SIGNED,
            b'{"urls": ["http://static.example.com/", "http://www.example.com/"]}',
            400,
            "application/json",
            '{"error": "A single host name can only be submitted at a time"}',
            id="two hosts",
        ),
        pytest.param(
            SIGNED,
            b'{"urls": ["http://c.example.com:80/"]}',
            403,
            "application/json",
            '{"error": "c.example.com is not yours or not ready"}',
            id="a host of somebody else",
        ),
    ],
)
def test_purge_refuses(
    cdn: Sandbox, headers: Mapping[str, str], body: bytes, status: int, media_type: str, text: str
) -> None:
    heard = send(cdn, body=body, headers=headers)
    assert (heard.status, heard.headers["Content-Type"]) == (status, media_type)
    assert text in heard.body.decode()
    (call,) = cdn.calls
    assert (call.status, call.req_id, call.body) == (status, None, body)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/cdn_api/purge", 405, id="method"),
        pytest.param("POST", "/cdn_api/req_status/1", 405, id="method of the status"),
        pytest.param("POST", "/cdn_api/purge/1", 405, id="method of the live status"),
        pytest.param("GET", "/cdn_api/prefetch/1/2", 404, id="path below the live status"),
        pytest.param("POST", "/cdn_api/nothing", 404, id="path"),
        pytest.param("GET", "/cdn_api/req_status/1/2", 404, id="path below the status"),
    ],
)
def test_no_such_resource(cdn: Sandbox, method: str, path: str, status: int) -> None:
    assert send(cdn, {}, path=path, method=method).status == status


def test_what_is_not_http_is_not_a_call(cdn: Sandbox) -> None:
    host, _, port = urlsplit(cdn.api_url).netloc.partition(":")
    with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"hello\r\n")
        assert stream.read().startswith(b"HTTP/1.0 400 ")
    assert cdn.calls == ()


def test_content_type_may_name_a_charset(cdn: Sandbox) -> None:
    headers = {**SIGNED, "Content-Type": "Application/JSON; charset=utf-8"}
    assert send(cdn, {"urls": [URL]}, headers=headers).status == 200


def test_record_holds_what_was_sent(cdn: Sandbox) -> None:
    send(cdn, {"urls": [URL, f"{URL}?v"]}, path="/cdn_api/purge?x")
    send(cdn, {"dirs": [f"http://{HOST}/"]})
    first, second = cdn.calls
    assert (first.method, first.path, first.kind) == ("POST", "/cdn_api/purge?x", "urls")
    assert first.entries == (URL, f"{URL}?v")
    assert first.headers["x-auth-token"] == "secret-token"
    assert json.loads(first.body) == {"urls": [URL, f"{URL}?v"]}
    assert (second.kind, second.entries) == ("dirs", (f"http://{HOST}/",))
    assert first.ended is not None
    assert first.started <= first.ended <= second.started
    assert first.accepted
    assert first.req_id != second.req_id
    assert cdn.purge_calls == cdn.calls
    assert cdn.most_at_once == 1
    assert cdn.repeated == ()


def test_a_purge_runs_until_it_takes_effect(cdn: Sandbox, clock: SetClock) -> None:
    cdn.get(URL)
    send(cdn, {"urls": [URL]})
    req_id = cdn.calls[0].req_id or ""
    assert cdn.is_cached(URL)
    assert status_of(cdn, req_id) == "run"
    clock.now += 5
    assert status_of(cdn, req_id) == "success"
    assert not cdn.is_cached(URL)


def test_of_both_keys_only_the_directories_are_done(cdn: Sandbox, clock: SetClock, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    inside = f"http://{HOST}/d/x"
    cdn.get(URL)
    cdn.get(inside)
    send(cdn, {"urls": [URL], "dirs": [f"http://{HOST}/d/"]})
    clock.now += 5
    assert (cdn.is_cached(URL), cdn.is_cached(inside)) == (True, False)
    req_id = cdn.calls[0].req_id
    task = send(cdn, path=f"/cdn_api/req_status/{req_id}", method="GET").document
    assert isinstance(task, dict)
    assert (task["task"]["taskType"], task["task"]["taskContent"]) == ("0", f"http://{HOST}/d/")


def test_status_of_an_unknown_task(cdn: Sandbox) -> None:
    heard = send(cdn, path="/cdn_api/req_status/nothing", method="GET")
    assert (heard.status, heard.document) == (404, {"error": "task id can not found"})


def test_status_needs_a_token(cdn: Sandbox) -> None:
    assert send(cdn, path="/cdn_api/req_status/nothing", method="GET", headers={}).status == 401


def test_prefetch_pulls_the_new_content_after_the_purge(cdn: Sandbox, clock: SetClock, tmp_path: Path) -> None:
    cdn.get(URL)
    (tmp_path / "a.css").write_text("new")
    send(cdn, {"urls": [URL]})
    assert send(cdn, {"urls": [URL]}, path="/cdn_api/prefetch").status == 200
    assert cdn.get(URL).body == b"a"
    clock.now += 5
    reply = cdn.get(URL)
    assert (reply.body, reply.cache) == (b"new", "HIT")
    task = send(cdn, path=f"/cdn_api/req_status/{cdn.calls[1].req_id}", method="GET").document
    assert isinstance(task, dict)
    assert task["task"]["taskType"] == "2"


def test_prefetch_of_what_no_request_line_can_hold(cdn: Sandbox, clock: SetClock) -> None:
    assert send(cdn, {"urls": [URL + "\r\n"]}, path="/cdn_api/prefetch").status == 200
    clock.now += 5
    assert not cdn.is_cached(URL)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        pytest.param({"dirs": [URL]}, "can not found key 'urls'", id="no urls"),
        pytest.param({"urls": []}, "can not found sp", id="empty list"),
    ],
)
def test_prefetch_refuses(cdn: Sandbox, document: object, text: str) -> None:
    heard = send(cdn, document, path="/cdn_api/prefetch")
    assert (heard.status, heard.document) == (404, {"error": text})


CREDENTIALS = {"username": "user", "password": "pass"}
KEYSTONE = {"auth": {"passwordCredentials": CREDENTIALS}}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(CREDENTIALS, id="flat"),
        pytest.param(KEYSTONE, id="Keystone"),
        pytest.param({**CREDENTIALS, **KEYSTONE}, id="both"),
    ],
)
def test_login(cdn: Sandbox, clock: SetClock, document: object) -> None:
    heard = send(cdn, document, path="/cdn_api/tokens", headers=JSON)
    assert heard.status == 200
    assert isinstance(heard.document, dict)
    token = heard.document["access"]["token"]
    assert token["expires"] == "2015-11-23T11:38:39Z"
    signed = {**JSON, "X-Auth-Token": token["id"]}
    assert send(cdn, {"urls": [URL]}, headers=signed).status == 200
    clock.now += 60
    late = send(cdn, {"urls": [URL]}, headers=signed)
    assert (late.status, late.document) == (400, {"error": "invalid token"})


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"username": "user", "password": "no"}, id="password"),
        pytest.param({"username": ["user"], "password": None}, id="types"),
        pytest.param({"auth": "user"}, id="no form"),
        pytest.param({}, id="nothing"),
    ],
)
def test_login_refuses_under_http_200(cdn: Sandbox, document: object) -> None:
    heard = send(cdn, document, path="/cdn_api/tokens", headers=JSON)
    assert heard.status == 200
    assert isinstance(heard.document, dict)
    assert (heard.document["error"]["code"], heard.document["error"]["title"]) == (401, "Unauthorized")


def test_latency_ends_in_an_answer(tmp_path: Path) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), token="secret-token", latency=0.01) as cdn:
        assert send(cdn, {"urls": [URL]}).status == 200


def test_a_serial_service_works_off_one_call_after_another(tmp_path: Path) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), token="secret-token", latency=0.05, serial=True) as cdn:
        threads = [threading.Thread(target=send, args=(cdn, {"urls": [URL]})) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        first, *_ = cdn.calls
        ends = sorted(call.ended or 0 for call in cdn.calls)
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise([first.started, *ends]))


def test_a_serial_service_carries_out_what_nobody_waits_for(tmp_path: Path) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), token="secret-token", latency=0.05, serial=True) as cdn:
        with pytest.raises(TimeoutError):
            send(cdn, {"urls": [URL]}, timeout=0.01)
        assert send(cdn, {"urls": [URL]}).status == 200
    assert [(call.status, call.req_id is None) for call in cdn.calls] == [(None, False), (200, False)]
    assert cdn.repeated == ()


def test_faults_in_order_then_as_usual(cdn: Sandbox) -> None:
    cdn.add_faults(Fault("status", times=2, headers=(("Retry-After", "0"),)), Fault("status", status=429))
    heard = [send(cdn, {"urls": [URL]}) for _ in range(4)]
    assert [one.status for one in heard] == [503, 503, 429, 200]
    assert heard[0].headers["Retry-After"] == "0"
    assert [call.accepted for call in cdn.calls] == [False, False, False, True]
    assert cdn.repeated == ()


def test_faults_by_path_and_body(cdn: Sandbox) -> None:
    cdn.add_faults(Fault("status", match="b.css"), Fault("status", status=502, path="/cdn_api/tokens"))
    assert send(cdn, {"urls": [URL]}).status == 200
    assert send(cdn, {"urls": [f"http://{HOST}/b.css"]}).status == 503
    assert send(cdn, CREDENTIALS, path="/cdn_api/tokens").status == 502


@pytest.mark.parametrize(
    ("password", "sent", "code"),
    [
        pytest.param('a"b', 'a"b', 400, id="a quotation mark"),
        pytest.param("a\u00e4", "a\u00e4", 400, id="not ASCII"),
        pytest.param("a\tb", "a\tb", 400, id="a control character"),
        pytest.param("a\\b", "a\\b", 401, id="a backslash"),
        pytest.param("a\\z", "a\\z", 401, id="a backslash that is no escape"),
        pytest.param('a"\\\u00e4', r"a\"\\\u00e4", None, id="escaped"),
        pytest.param("plain /+%&", "plain /+%&", None, id="plain"),
    ],
)
def test_flat_fields_of_a_login_are_pasted_raw(tmp_path: Path, password: str, sent: str, code: int | None) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), username="u", password=password) as cdn:
        heard = json.loads(send(cdn, {"username": "u", "password": sent}, path="/cdn_api/tokens", headers=JSON).body)
        keystone = {"auth": {"passwordCredentials": {"username": "u", "password": password}}}
        assert "access" in json.loads(send(cdn, keystone, path="/cdn_api/tokens", headers=JSON).body)
    assert heard.get("error", {}).get("code") == code
    assert ("access" in heard) is (code is None)


def test_bad_status_line(cdn: Sandbox) -> None:
    cdn.add_faults(Fault("bad-status-line"))
    with pytest.raises(BadStatusLine, match=r"HTTP/1\.0 -1 UNKNOWN"):
        send(cdn, {"urls": [URL]})
    assert cdn.calls[0].status == -1


@pytest.mark.parametrize(
    ("kind", "done"),
    [pytest.param("reset", False, id="before"), pytest.param("reset-after", True, id="after the purge")],
)
def test_reset(cdn: Sandbox, clock: SetClock, kind: str, done: bool) -> None:
    cdn.get(URL)
    cdn.add_faults(Fault(kind))
    with pytest.raises(ConnectionResetError):
        send(cdn, {"urls": [URL]})
    (call,) = cdn.calls
    assert call.ended is not None
    assert (call.status, call.req_id is not None) == (None, done)
    clock.now += 5
    assert cdn.is_cached(URL) is not done
    send(cdn, {"urls": [URL]})
    assert cdn.repeated == ()


def test_truncated(cdn: Sandbox) -> None:
    cdn.add_faults(Fault("truncated"))
    with pytest.raises(IncompleteRead):
        send(cdn, {"urls": [URL]})
    (call,) = cdn.calls
    assert (call.status, call.req_id is not None) == (None, True)


def test_drip_and_hang_answer_in_the_end(cdn: Sandbox) -> None:
    cdn.add_faults(Fault("drip", seconds=0.01), Fault("hang", seconds=0.01))
    assert [send(cdn, {"urls": [URL]}).status for _ in range(2)] == [200, 200]
    assert all(call.accepted for call in cdn.calls)
    assert cdn.repeated == (URL,)


@pytest.mark.parametrize("kind", ["html", "no-reqid", "ret", "huge", "redirect", "status"])
def test_scripted_answers_do_nothing(cdn: Sandbox, clock: SetClock, kind: str) -> None:
    cdn.get(URL)
    cdn.add_faults(Fault(kind, location="http://127.0.0.1:1/"))
    heard = send(cdn, {"urls": [URL]})
    assert heard.status == {"redirect": 302, "status": 503}.get(kind, 200)
    clock.now += 5
    assert cdn.is_cached(URL)
    assert not cdn.calls[0].accepted


def test_partial(cdn: Sandbox) -> None:
    cdn.add_faults(Fault("partial"))
    document = send(cdn, {"urls": [URL]}).document
    assert isinstance(document, dict)
    assert document == {"reqId": cdn.calls[0].req_id, "successRate": 50.0}


@pytest.mark.parametrize(("kind", "end"), [("task-failure", "failure"), ("task-stuck", "run")])
def test_tasks_that_do_not_succeed(cdn: Sandbox, clock: SetClock, kind: str, end: str) -> None:
    cdn.get(URL)
    cdn.add_faults(Fault(kind))
    assert send(cdn, {"urls": [URL]}).status == 200
    clock.now += 1000
    assert status_of(cdn, cdn.calls[0].req_id or "") == end
    assert cdn.is_cached(URL)


class TestTasksThatStayAtRun:
    """As on the published server, whose providers tell how far they are."""

    @pytest.fixture
    def open_cdn(self, tmp_path: Path, clock: SetClock) -> Callable[..., Sandbox]:
        def open_cdn(*providers: Provider, has_live_call: bool = True) -> Sandbox:
            service = Service(tasks_end=False, providers=providers, has_live_call=has_live_call)
            return Sandbox(tmp_path, hosts=(HOST,), token="secret-token", propagation=5.0, clock=clock, service=service)

        return open_cdn

    def live(self, cdn: Sandbox, kind: str = "purge", *, urls: Sequence[str] = (URL,)) -> dict[str, Any]:
        send(cdn, {"urls": [*urls]}, path=f"/cdn_api/{kind}")
        return self.ask(cdn, cdn.calls[0].req_id or "", kind)

    def ask(self, cdn: Sandbox, req_id: str, kind: str = "purge") -> dict[str, Any]:
        document = send(cdn, path=f"/cdn_api/{kind}/{req_id}", method="GET").document
        assert isinstance(document, dict)
        return document

    def test_each_provider_is_done_in_its_own_time(self, open_cdn: Callable[..., Sandbox], clock: SetClock) -> None:
        with open_cdn(Provider("ws_api"), Provider("yy_api", late_by=10)) as cdn:
            seen = [self.live(cdn)]
            req_id = cdn.calls[0].req_id or ""
            for _ in range(2):
                clock.now += 10
                seen.append(self.ask(cdn, req_id))
            assert status_of(cdn, req_id) == "run"
        words = [tuple(said["result"]["status"] for name, said in one.items() if name != "zt_api") for one in seen]
        assert words == [("wait", "wait"), ("success", "wait"), ("success", "success")]
        assert {one["zt_api"]["successRate"] for one in seen} == {100.0}

    def test_a_provider_without_a_word_does_not_answer(self, open_cdn: Callable[..., Sandbox]) -> None:
        with open_cdn(Provider("ws_api"), Provider("yy_api", word="")) as cdn:
            document = self.live(cdn)
        assert document["yy_api"] == {"ret": -1, "msg": "timed out", "result": {}}
        assert document["zt_api"] == {"successRate": 50.0}

    def test_a_prefetch_has_a_result_for_each_url(self, open_cdn: Callable[..., Sandbox], clock: SetClock) -> None:
        with open_cdn(Provider("ws_api", word="failure"), Provider("yy_api", word="")) as cdn:
            self.live(cdn, "prefetch", urls=(URL, f"{URL}?2"))
            clock.now += 5
            document = self.ask(cdn, cdn.calls[0].req_id or "", "prefetch")
        assert [item["status"] for item in document["ws_api"]["result"]] == ["failure"] * 2
        assert document["yy_api"] == {"ret": -1, "msg": "timed out"}

    @pytest.mark.parametrize(("kind", "word"), [("task-failure", "failure"), ("task-stuck", "run")])
    def test_providers_report_what_a_fault_made_of_the_task(
        self, open_cdn: Callable[..., Sandbox], clock: SetClock, kind: str, word: str
    ) -> None:
        with open_cdn(Provider("ws_api")) as cdn:
            cdn.add_faults(Fault(kind))
            self.live(cdn)
            clock.now += 5
            assert self.ask(cdn, cdn.calls[0].req_id or "")["ws_api"]["result"]["status"] == word

    def test_without_such_a_task_or_a_provider_or_the_call_there_is_404(self, open_cdn: Callable[..., Sandbox]) -> None:
        with open_cdn(Provider("ws_api")) as cdn:
            assert self.ask(cdn, "no-such-id") == {"error": "can not found sp"}
        with open_cdn() as cdn:
            assert self.live(cdn) == {"error": "can not found sp"}
        with open_cdn(Provider("ws_api"), has_live_call=False) as cdn:
            heard = send(cdn, path="/cdn_api/purge/1", method="GET")
            assert (heard.status, heard.headers["Content-Type"]) == (404, "text/html")

    def test_it_needs_a_token(self, open_cdn: Callable[..., Sandbox]) -> None:
        with open_cdn(Provider("ws_api")) as cdn:
            assert send(cdn, path="/cdn_api/purge/1", method="GET", headers={}).status == 401


def test_faults_of_a_purge_are_not_for_questions_after_it(cdn: Sandbox) -> None:
    cdn.add_faults(Fault("status", status=503), Fault("status", status=502, path="/cdn_api/purge/"))
    assert send(cdn, path="/cdn_api/purge/1", method="GET").status == 502
    assert [send(cdn, {"urls": [URL]}).status for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault("hang", seconds=3600, times=2)], id="hang"),
        pytest.param([Fault("drip", seconds=3600, times=2)], id="drip"),
        pytest.param([], id="latency"),
    ],
)
def test_closing_ends_what_is_under_way(tmp_path: Path, faults: list[Fault]) -> None:
    with ExitStack() as stack:
        with Sandbox(tmp_path, hosts=(HOST,), latency=0 if faults else 3600, faults=faults) as cdn:
            host, _, port = urlsplit(cdn.api_url).netloc.partition(":")
            waiting = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(2)]
            for connection in waiting:
                connection.sendall(b"POST /cdn_api/purge HTTP/1.1\r\n\r\n")
            assert cdn.wait_for_calls(2)
            assert cdn.most_at_once == 2
            assert [(call.status, call.ended) for call in cdn.calls] == [(None, None)] * 2
        for connection in waiting:
            assert b"\r\n\r\n" not in stack.enter_context(connection.makefile("rb")).read()
    assert None not in {call.ended for call in cdn.calls}


def switchboard(record: Record, clock: SetClock, *faults: Fault) -> Switchboard:
    account = Account(hosts=(HOST,), token="secret-token", username="", password="", token_lifetime=1, clock=clock)
    api = Api(account, Cache(clock), shape="seen", propagation=0, clock=clock).answer
    closing = threading.Event()
    return Switchboard(
        api,
        Script(faults),
        record,
        shape="seen",
        latency=0,
        closing=closing,
        settle=lambda: None,
        turn=contextlib.nullcontext(),
    )


@pytest.mark.parametrize(
    ("faults", "done"),
    [
        pytest.param([Fault("hang", seconds=0)], False, id="during a hang: nothing is done"),
        pytest.param([Fault("drip", seconds=0)], True, id="before a drip"),
        pytest.param([], True, id="before the answer"),
    ],
)
def test_a_client_that_left_was_told_nothing(clock: SetClock, faults: list[Fault], done: bool) -> None:
    record = Record()
    client, server = socket.socketpair()
    body = json.dumps({"urls": [URL]}).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in SIGNED.items())
    with server:
        with client:
            client.sendall(f"POST /cdn_api/purge HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        switchboard(record, clock, *faults).serve(server)
    (call,) = record.calls
    assert (call.status, call.req_id is not None) == (None, done)


def test_a_client_that_says_nothing_is_no_call(clock: SetClock) -> None:
    record = Record()
    client, server = socket.socketpair()
    with server:
        client.close()
        switchboard(record, clock).serve(server)
    assert record.calls == ()


def test_urllib_gets_along(cdn: Sandbox) -> None:
    request = urllib.request.Request(
        f"{cdn.api_url}/cdn_api/purge", data=json.dumps({"urls": [URL]}).encode(), headers=SIGNED
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert set(json.load(response)) == {"reqId", "successRate"}
