"""The sandbox's API over HTTP: it refuses what the service refuses, does what it says, and forgets nothing it got."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from contextlib import ExitStack
from http.client import BadStatusLine, IncompleteRead
from typing import TYPE_CHECKING

import pytest

from sandbox import Call, Fault, Headers, Provider, Sandbox, Service, parse_fault
from sandbox.faults import KINDS
from sandbox.record import most_at_once, repeated_entries
from tests.sandbox.calls import HOST, JSON, LOGIN, PREFETCH, PURGE, SIGNED, TOKEN, URL, Hands, purge, send, task, where
from tests.tables import cases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sandbox.answers import Shape


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def cdn(tmp_path: Path, clock: Hands) -> Iterator[Sandbox]:
    (tmp_path / "a.css").write_text("a")
    hosts = (HOST, "www.example.com")
    with Sandbox(tmp_path, hosts=hosts, token=TOKEN, shape="seen", propagation=5, username="user", clock=clock) as cdn:
        yield cdn


def urls(*entries: str) -> bytes:
    return json.dumps({"urls": entries}).encode()


NO_SITE, NO_URLS = '{"error": "can not found sp"}', "can not found key 'urls'"
LONG = urls(*(f"{URL}?{number}" for number in range(11)))


@cases("path headers body status text", {
    "no token": (PURGE, JSON, urls(URL), 401, "Unauthorized"),
    "empty token": (PURGE, {**SIGNED, "X-Auth-Token": ""}, urls(URL), 401, "Unauthorized"),
    "bad token": (PURGE, {**SIGNED, "X-Auth-Token": "x"}, urls(URL), 400, '"invalid token"'),
    "prefetch without a token": (PREFETCH, JSON, urls(URL), 401, "Unauthorized"),
    "no content type": (PURGE, {"X-Auth-Token": TOKEN}, urls(URL), 500, "<h1>500"),
    "not JSON": (PURGE, SIGNED, b"{", 400, "<h1>400"), "not an object": (PURGE, SIGNED, b"[1]", 500, "<h1>500"),
    "not a list": (PURGE, SIGNED, b'{"urls": "http://x/"}', 500, "<h1>500"),
    "not texts": (PURGE, SIGNED, b'{"urls": [1]}', 500, "<h1>500"), "neither key": (PURGE, SIGNED, b"{}", 404, NO_SITE),
    "an empty list": (PURGE, SIGNED, urls(), 404, NO_SITE), "eleven": (PURGE, SIGNED, LONG, 400, '"At most 10 '),
    "two spellings of a host": (PURGE, SIGNED, urls(URL, URL.upper()), 400, '"A single host name '),
    "a stranger": (PURGE, SIGNED, urls("http://c.com:80/"), 403, '"c.com is not yours or not '),
    "no URL": (PURGE, SIGNED, urls("/a.css"), 400, "is not an http or https URL"),
    "no directory": (PURGE, SIGNED, b'{"dirs": ["%b"]}' % URL.encode(), 400, "must end in /"),
    "prefetch of directories": (PREFETCH, SIGNED, b'{"dirs": ["%b"]}' % URL.encode(), 404, NO_URLS),
    "prefetch of eleven": (PREFETCH, SIGNED, LONG, 400, '"At most 10 '),
    "status without a token": ("/cdn_api/req_status/1", {}, None, 401, "Unauthorized"),
    "live status without a token": ("/cdn_api/purge/1", {}, None, 401, "Unauthorized"),
    "no such task": ("/cdn_api/req_status/1", SIGNED, None, 404, '"task id can not found"'),
    "no such task at the providers": ("/cdn_api/purge/1", SIGNED, None, 404, NO_SITE),
    "another method": (PURGE, SIGNED, None, 405, "<h1>405"),
    "no such path": ("/cdn_api/nothing", SIGNED, b"", 404, "<h1>404"),
    "no such path below": ("/cdn_api/req_status/1/2", SIGNED, None, 404, "<h1>404"),
})  # fmt: skip
def test_refusals(
    cdn: Sandbox, clock: Hands, path: str, headers: Mapping[str, str], body: bytes | None, status: int, text: str
) -> None:
    cdn.get(URL)
    heard = send(cdn.api_url, path, body=body, headers=headers)
    assert (heard.status, text in heard.body.decode()) == (status, True)
    assert heard.headers["Content-Type"] == ("application/json" if heard.body.startswith(b"{") else "text/html")
    (call,) = cdn.calls
    assert (call.status, call.req_id, call.accepted, call.body) == (status, None, False, body or b"")
    clock.now += 5
    assert cdn.is_cached(URL)


NOT_HTTP = (
    *(b"", b"hello\r\n\r\n", b"GET /\r\n\r\n", b"GET /a\rb HTTP/1.1\r\n\r\n", b"GET /" + b"a" * 65536 + b"\r"),
    *(b"GET / HTTP/1.1\r\n" + headers for headers in (b"Host\r\n\r\n", b"Content-Length: x\r\n\r\n")),
    *(b"GET / HTTP/1.1\r\nContent-Length: " + number + b"\r\n\r\nabc" for number in (b"99999999", b"9")),
)


@pytest.mark.parametrize("raw", NOT_HTTP)
def test_what_is_not_http_is_not_a_call(cdn: Sandbox, raw: bytes) -> None:
    for url in (cdn.api_url, cdn.edge_url):
        with socket.create_connection(where(url)) as connection, connection.makefile("rb") as stream:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            assert stream.read().partition(b" ")[2].startswith(b"400 BAD REQUEST" if raw else b"")
    assert cdn.calls == ()


SHAPES = [("documented", ["ret", "msg", "reqId", "success_rate"]), ("seen", ["reqId", "successRate"])]


@pytest.mark.parametrize(("shape", "names"), SHAPES)
def test_each_shape_of_an_answer(tmp_path: Path, shape: Shape, names: list[str]) -> None:
    faults = (Fault("partial"), Fault("no-reqid"))
    with Sandbox(tmp_path, hosts=(HOST,), token=TOKEN, shape=shape, faults=faults) as cdn:
        heard = [send(cdn.api_url, body=urls(URL)).document for _ in range(3)]
    partial, without_id, usual = (document["zt_api"] if shape == "documented" else document for document in heard)
    assert list(partial) == list(usual) == names
    assert list(without_id) == [name for name in names if name != "reqId"]
    assert [answer[names[-1]] for answer in (partial, without_id, usual)] == [50.0, 100.0, 100.0]
    assert [call.req_id for call in cdn.purge_calls] == [partial["reqId"], None, usual["reqId"]]
    assert uuid.UUID(usual["reqId"]).version == 1


def test_the_record_holds_what_was_sent(cdn: Sandbox) -> None:
    send(cdn.api_url, f"{PURGE}?x", {"urls": [URL, f"{URL}?v"]})
    purge(cdn, dirs=[f"http://{HOST}/"])
    send(cdn.api_url, "/cdn_api/nothing", body=b"[")
    both = purge(cdn, urls=[URL], dirs=[f"http://{HOST}/d/"])
    assert (task(cdn, both)["taskType"], task(cdn, both)["taskContent"]) == ("0", f"http://{HOST}/d/")
    first, second, third, *_ = cdn.calls
    assert (first.method, first.path, first.kind, first.entries) == ("POST", f"{PURGE}?x", "urls", (URL, f"{URL}?v"))
    assert first.headers["x-auth-token"] == TOKEN
    assert json.loads(first.body) == {"urls": [URL, f"{URL}?v"]}
    assert (second.kind, second.entries, third.kind, third.entries) == ("dirs", (f"http://{HOST}/",), "", ())
    assert first.ended is not None
    assert first.started <= first.ended <= second.started
    assert first.req_id != second.req_id
    assert cdn.purge_calls == (first, second, cdn.calls[3])
    assert (cdn.most_at_once, cdn.repeated) == (1, ())
    assert TOKEN not in repr(first)
    assert "body" not in repr(first), "the password is in there"


def call(started: float, ended: float | None, *entries: str, status: int | None = 200) -> Call:
    return Call("POST", PURGE, Headers(), b"", "urls", entries, started, ended, status, "i")


@cases("calls most repeated", {
    "one after the other": ([call(0, 1, "a", "b"), call(1, 2, "c")], 1, ()),
    "still under way": ([call(0, None), call(1, 2), call(3, None)], 2, ()),
    "one of them again": ([call(0, 1, "a", "b"), call(1, 2, "b", "c")], 1, ("b",)),
    "again after a refusal": ([call(0, 1, "a", status=503), call(1, 2, "a")], 1, ()),
    "again after an answer that got lost": ([call(0, 1, "a", status=None), call(1, 2, "a")], 1, ()),
})  # fmt: skip
def test_the_record_judges(calls: list[Call], most: int, repeated: tuple[str, ...]) -> None:
    assert (most_at_once(calls), repeated_entries(calls)) == (most, repeated)


def test_a_purge_runs_until_it_takes_effect(cdn: Sandbox, clock: Hands) -> None:
    cdn.get(URL)
    req_id = purge(cdn, urls=[URL, f"{URL}?{'x' * 99}"])
    clock.now += 4.9
    assert (cdn.is_cached(URL), task(cdn, req_id)["taskStatus"], task(cdn, req_id)["taskDoneAt"]) == (True, "run", None)
    clock.now += 0.1
    assert not cdn.is_cached(URL)
    document = task(cdn, req_id)
    assert document.pop("projectId")
    assert document == {
        "taskId": req_id, "taskStatus": "success", "taskType": "1", "taskUser": "user",
        "taskCreateAt": "Mon, 23 Nov 2015 11:37:39 GMT", "taskDoneAt": "Mon, 23 Nov 2015 11:37:44 GMT",
        "taskContent": f"{URL},{URL}?{'x' * 99}"[:80],
    }  # fmt: skip


@cases("project status", {"none": (None, 403), "one": ("p1", 200), "the other": ("p2", 200), "a third": ("p3", 403)})
@pytest.mark.parametrize("path", [PURGE, PREFETCH])
def test_a_host_in_two_projects_takes_calls_that_name_one(
    tmp_path: Path, path: str, project: str | None, status: int
) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), projects={HOST: ("p1", "p2")}, token=TOKEN) as cdn:
        heard = send(cdn.api_url, path, {"urls": [URL], **({"project_id": project} if project else {})})
        assert (heard.status, f"{HOST} is not yours or not ready" in heard.body.decode()) == (status, status == 403)
        if status == 200:
            assert task(cdn, cdn.calls[0].req_id or "")["projectId"] == project


def test_a_host_in_one_project_is_not_found_in_another(cdn: Sandbox) -> None:
    project = task(cdn, purge(cdn, urls=[URL]))["projectId"]
    heard = [send(cdn.api_url, PURGE, {"urls": [URL], "project_id": one}).status for one in (project, "p1")]
    assert heard == [200, 403]


def test_a_later_purge_cancels_a_prefetch(cdn: Sandbox, clock: Hands) -> None:
    for url, path in ((URL, PREFETCH), (f"{URL}?2", PREFETCH), (URL, PURGE)):
        send(cdn.api_url, path, body=urls(url))
    clock.now += 5
    assert (cdn.is_cached(URL), cdn.is_cached(f"{URL}?2")) == (False, True)
    assert task(cdn, cdn.calls[0].req_id or "")["taskType"] == "2"


def flat(password: object, username: object = "u") -> dict[str, object]:
    return {"username": username, "password": password}


@cases("password document code", {
    "flat": ("p", flat("p"), None), "Keystone": ('a"b', {"auth": {"passwordCredentials": flat('a"b')}}, None),
    "both": ("p", {**flat("p"), "auth": {}}, None),
    "flat fields are pasted into JSON": ('a"\\\u00e4', flat(r"a\"\\\u00e4"), None),
    "wrong password": ("p", flat("no"), 401), "wrong types": ("p", {"username": ["u"], "password": None}, 401),
    "no form": ("p", {"auth": "u"}, 401), "nothing": ("", {}, 401), "a quotation mark": ('a"b', flat('a"b'), 400),
    "not ASCII": ("a\u00e4", flat("a\u00e4"), 400), "a control character": ("a\tb", flat("a\tb"), 400),
    "a backslash": ("a\\b", flat("a\\b"), 401), "a backslash that is no escape": ("a\\z", flat("a\\z"), 401),
})  # fmt: skip
def test_login(tmp_path: Path, clock: Hands, password: str, document: object, code: int | None) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), username="u", password=password, token_lifetime=60, clock=clock) as cdn:
        heard = send(cdn.api_url, LOGIN, document, headers=JSON)
        assert heard.status == 200
        if code is not None:
            title = {400: "Bad Request", 401: "Unauthorized"}[code]
            assert (heard.document["error"]["code"], heard.document["error"]["title"]) == (code, title)
            return
        token = heard.document["access"]["token"]
        assert token["expires"] == "2015-11-23T11:38:39Z"
        signed = {**JSON, "X-Auth-Token": token["id"]}
        assert send(cdn.api_url, body=urls(URL), headers=signed).status == 200
        clock.now += 60
        assert send(cdn.api_url, body=urls(URL), headers=signed).document == {"error": "invalid token"}


def test_a_serial_service_works_off_one_call_after_another(tmp_path: Path) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), token=TOKEN, latency=0.05, serial=True) as cdn:
        threads = [threading.Thread(target=purge, args=(cdn,), kwargs={"urls": [URL]}) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        began, end = min(call.started for call in cdn.calls), max(call.ended or 0 for call in cdn.calls)
    assert end - began >= 3 * 0.05


def test_what_nobody_waits_for_is_done_but_not_told(tmp_path: Path) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), token=TOKEN, latency=0.05, serial=True) as cdn:
        cdn.add_faults(Fault("hang", seconds=0.05, match="hang"))
        for url in (URL, f"{URL}?hang"):
            with pytest.raises(TimeoutError):
                send(cdn.api_url, body=urls(url), timeout=0.01)
        assert send(cdn.api_url, body=urls(URL)).status == 200
    assert [(call.status, call.req_id is None) for call in cdn.calls] == [(None, False), (None, True), (200, False)]
    assert cdn.repeated == ()


OUTCOMES = (  # a fault, what the client meets, what the body begins with, and how the task of the purge ends
    (Fault("status", status=429, headers=(("Retry-After", "7"), ("content-type", "a/b")), body="{ }"), 429, "{ }", ""),
    (Fault("status"), 503, '{"error":', ""), (Fault("status", status=599, body="Too much"), 599, "Too much", ""),
    (Fault("bad-status-line"), BadStatusLine, "", ""), (Fault("html"), 200, "<!DOCTYPE", ""),
    (Fault("no-reqid"), 200, '{"successRate": 100.0}', ""), (Fault("ret"), 200, '{"zt_api": {"ret": 1', ""),
    (Fault("huge"), 200, '{"padding": "xx', ""), (Fault("redirect", location="http://127.0.0.1:1/"), 302, "", ""),
    (Fault("reset"), ConnectionResetError, "", ""), (Fault("reset-after"), ConnectionResetError, "", "success"),
    (Fault("truncated"), IncompleteRead, "", "success"), (Fault("interim"), 103, "", "success"),
    *((Fault(kind, seconds=0.01), 200, '{"reqId"', "success") for kind in ("drip", "hang", "partial")),
    (Fault("task-failure"), 200, '{"reqId"', "failure"), (Fault("task-stuck"), 200, '{"reqId"', "run"),
    (Fault("lost"), 200, '{"reqId"', "success"), (Fault("comes-back"), 200, '{"reqId"', "success"),
)  # fmt: skip


@pytest.mark.parametrize(("fault", "outcome", "body", "end"), OUTCOMES, ids=[fault.kind for fault, *_ in OUTCOMES])
def test_a_fault_is_what_it_says(
    cdn: Sandbox, clock: Hands, fault: Fault, outcome: int | type[Exception], body: str, end: str
) -> None:
    cdn.get(URL)
    cdn.add_faults(fault)
    if isinstance(outcome, type):
        with pytest.raises(outcome):
            send(cdn.api_url, body=urls(URL))
    else:
        heard = send(cdn.api_url, body=urls(URL))
        assert (heard.status, heard.body[: len(body)]) == (outcome, body.encode())
        assert heard.headers.get("Location", "") == fault.location
        assert {*fault.headers} <= {(name, heard.headers[name]) for name in ("Retry-After", "content-type")}
    (call,) = cdn.calls
    assert (call.req_id is not None, call.ended is not None) == (bool(end), True)
    assert call.accepted is (bool(end) and isinstance(outcome, int))
    clock.now += 5
    assert cdn.is_cached(URL) is (end != "success" or fault.kind == "lost")
    assert not end or task(cdn, call.req_id or "")["taskStatus"] == end
    assert send(cdn.api_url, body=urls(URL)).status == 200
    assert cdn.repeated == ((URL,) if call.accepted else ())
    assert {"busy", *(fault.kind for fault, *_ in OUTCOMES)} == KINDS.keys(), "the first is no fault of the API"


def test_faults_come_in_order_to_the_calls_that_they_fit(cdn: Sandbox) -> None:
    """Questions about purges lie below their path, and are meant by a slash at the end."""
    cdn.add_faults(Fault("status", times=2), Fault("status", status=500, match="é"), Fault("status", status=504))
    cdn.add_faults(Fault("status", status=599, path="/cdn_api/pur"), Fault("status", status=502, path=f"{PURGE}/"))
    asked = [(f"{PURGE}/1", None), (LOGIN, b"{}"), *((PURGE, body.encode()) for body in ("x", "é", "x", "xéy"))]
    assert [send(cdn.api_url, path, body=body).status for path, body in asked] == [502, 200, 503, 503, 504, 500]
    cdn.add_faults(Fault("status", path="/cdn_api"), Fault("status", path="/", times=2))
    assert [send(cdn.api_url, path, body=b"{}").status for path in (LOGIN, PURGE)] == [503, 503]
    cdn.clear_faults()
    assert send(cdn.api_url, body=urls(URL)).status == 200


FAULTS = {
    "status:429*2": Fault("status", status=429, times=2),
    "reset-after*3@/cdn_api": Fault("reset-after", times=3, path="/cdn_api"),
    "drip:0.5@/cdn_api/tokens": Fault("drip", seconds=0.5, path=LOGIN),
    "bad-status-line:-2*3": Fault("bad-status-line", status=-2, times=3),
    "comes-back:0#127.0.0.2*2": Fault("comes-back", answers=0, edge="127.0.0.2", times=2),
    "lost#::1": Fault("lost", edge="::1"),
    "busy:2.5": Fault("busy", seconds=2.5),
    "redirect:http://a.com:1/x*y*2": Fault("redirect", location="http://a.com:1/x*y", times=2),
}
NO_FAULTS = {
    "": "is not KIND", "explode:5": "unknown fault 'explode'; there are: status, ", "reset*0": "at least once, not 0",
    "status:503*": "'503[*]' is not an HTTP status", "bad-status-line:x": "'x' is not a number",
    "hang:-1": "'-1' is not a number of s", "html:5": "takes no value, so '5'", "redirect": "needs a location",
    "html#127.0.0.2": "at the API, not at the edge 127.0.0.2", "comes-back:soon": "'soon' is not a number of answers",
}  # fmt: skip


def test_faults_as_text() -> None:
    assert {text: parse_fault(text) for text in FAULTS} == FAULTS
    for text, words in NO_FAULTS.items():
        with pytest.raises(ValueError, match=words):
            parse_fault(text)


@pytest.mark.parametrize("kind", ["purge", "prefetch"])
def test_each_provider_tells_how_far_it_is(tmp_path: Path, clock: Hands, kind: str) -> None:
    """As on the published server, where a task stays at `run`; the client's own tests ask the rest."""
    silent, failed = Provider("silent", word=""), Provider("failed", word="failure")
    service = Service(tasks_end=False, providers=(Provider("a"), Provider("late", late_by=10), failed, silent))
    with Sandbox(tmp_path, hosts=(HOST,), token=TOKEN, propagation=5.0, clock=clock, service=service) as cdn:
        send(cdn.api_url, f"/cdn_api/{kind}", {"urls": [URL, f"{URL}2"]})
        words = []
        for seconds in (0, 5, 10):
            clock.now += seconds
            said = send(cdn.api_url, f"/cdn_api/{kind}/{cdn.calls[0].req_id}").document
            results = [said[name]["result"] for name in ("a", "late", "failed")]
            words.append([(one if kind == "purge" else one[1])["status"] for one in results])
        assert task(cdn, cdn.calls[0].req_id or "")["taskStatus"] == "run"
    assert words == [["wait", "wait", "wait"], ["success", "wait", "failure"], ["success", "success", "failure"]]
    assert said["silent"] == {"ret": -1, "msg": "timed out"} | ({"result": {}} if kind == "purge" else {})
    assert said["zt_api"] == {"successRate": 75.0}


def test_there_may_be_no_provider_and_no_such_question(tmp_path: Path) -> None:
    for service, answer in ((Service(providers=()), NO_SITE.encode()), (Service(has_live_call=False), b"<h1>404")):
        with Sandbox(tmp_path, hosts=(HOST,), token=TOKEN, service=service) as cdn:
            assert answer in send(cdn.api_url, f"{PURGE}/{purge(cdn, urls=[URL])}").body


STUCK: tuple[list[Fault], ...] = ([Fault("hang", seconds=3600, times=2)], [Fault("drip", seconds=3600, times=2)], [])


@pytest.mark.parametrize("faults", STUCK, ids=["hang", "drip", "latency"])
def test_closing_ends_what_is_under_way(tmp_path: Path, faults: list[Fault]) -> None:
    with ExitStack() as stack:
        with Sandbox(tmp_path, hosts=(HOST,), latency=0 if faults else 3600, faults=faults) as cdn:
            waiting = [stack.enter_context(socket.create_connection(where(cdn.api_url))) for _ in range(2)]
            for connection in waiting:
                connection.sendall(b"POST /cdn_api/purge HTTP/1.1\r\n\r\n")
            assert cdn.wait_for_calls(2)
            assert cdn.most_at_once == 2
            assert [(call.status, call.ended) for call in cdn.calls] == [(None, None)] * 2
        for connection in waiting:
            assert b"\r\n\r\n" not in stack.enter_context(connection.makefile("rb")).read()
    assert None not in {call.ended for call in cdn.calls}
