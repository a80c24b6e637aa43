"""The sandbox's pure parts: cache by a clock, keys, messages, files, rules, faults, record."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import answers
from sandbox.accounts import Account
from sandbox.answers import Refused, Shape
from sandbox.cache import Cache
from sandbox.clock import http_date, iso_date, steady_clock
from sandbox.edge import Edge
from sandbox.faults import KINDS, Fault, Script, parse_fault
from sandbox.keys import Key, key_of_url
from sandbox.origin import Origin
from sandbox.record import Call, most_at_once, repeated_entries
from sandbox.scripted import HUGE, scripted_reply
from sandbox.submissions import Submission, check, record_of
from sandbox.tasks import End, Task
from sandbox.wire import BadRequest, Headers, Reply, Request, read_request, render

EPOCH = 1_448_278_659.0  # Mon, 23 Nov 2015 11:37:39 GMT


@dataclass
class SetClock:
    now: float = EPOCH

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def cache(clock: SetClock) -> Cache:
    return Cache(clock)


def put(cache: Cache, *urls: str) -> None:
    for url in urls:
        assert cache.store(key_of_url(url), Reply(200, body=url.encode()), ticket=cache.begin_fetch())


@pytest.mark.parametrize(
    ("url", "key"),
    [
        pytest.param("http://a.com/x", Key("a.com", b"/x"), id="plain"),
        pytest.param("HTTPS://A.com:8080/x", Key("a.com", b"/x"), id="scheme, port and case of the host do not count"),
        pytest.param("http://a.com/X?B=%7e", Key("a.com", b"/X?B=%7e"), id="path and query as sent"),
        pytest.param("http://a.com/a//../é#f", Key("a.com", "/a//../é#f".encode()), id="nothing is normalised"),
        pytest.param("http://a.com", Key("a.com", b"/"), id="no path"),
        pytest.param("http://a.com?q", Key("a.com", b"/?q"), id="query without path"),
        pytest.param("http://a.com/\ud800", Key("a.com", b"/\xed\xa0\x80"), id="half a surrogate pair"),
    ],
)
def test_key_of_url(url: str, key: Key) -> None:
    assert key_of_url(url) == key


@pytest.mark.parametrize("url", ["", "a.com/x", "ftp://a.com/x", "http:///x", "//a.com/x", " http://a.com/"])
def test_key_of_url_refuses(url: str) -> None:
    with pytest.raises(ValueError, match="is not an http or https URL"):
        key_of_url(url)


A, B, C = "http://a.com/d/1", "http://a.com/d/e/2", "http://b.com/d/1"


@pytest.mark.parametrize(
    ("kind", "entries", "left"),
    [
        pytest.param("urls", [A], {B, C}, id="one file of one host"),
        pytest.param("urls", ["https://A.com:443/d/1"], {B, C}, id="the same file, spelled otherwise"),
        pytest.param("urls", ["http://a.com/d/"], {A, B, C}, id="a directory among the files is only its index"),
        pytest.param("urls", [A + "?v=2"], {A, B, C}, id="the query counts"),
        pytest.param("urls", ["http://a.com/d/%31"], {A, B, C}, id="the encoding counts"),
        pytest.param("dirs", ["http://a.com/d/"], {C}, id="a directory"),
        pytest.param("dirs", ["http://a.com/d/e/"], {A, C}, id="a directory below"),
        pytest.param("dirs", ["http://a.com/"], {C}, id="a whole host"),
        pytest.param("dirs", ["http://a.com/D/"], {A, B, C}, id="the case of a path counts"),
    ],
)
def test_purge_drops(cache: Cache, clock: SetClock, kind: str, entries: list[str], left: set[str]) -> None:
    put(cache, A, B, C)
    cache.order(kind, map(key_of_url, entries), due=clock.now)
    assert {url for url in (A, B, C) if cache.look_up(key_of_url(url))} == left


def test_purge_takes_effect_when_due(cache: Cache, clock: SetClock) -> None:
    put(cache, A)
    cache.order("urls", [key_of_url(A)], due=clock.now + 5)
    clock.now += 4.9
    assert cache.look_up(key_of_url(A))
    clock.now += 0.1
    assert cache.look_up(key_of_url(A)) is None
    put(cache, A)
    clock.now += 100
    assert cache.look_up(key_of_url(A)), "a purge works once"


def test_what_was_cached_between_order_and_effect_goes_too(cache: Cache, clock: SetClock) -> None:
    cache.order("urls", [key_of_url(A)], due=clock.now + 5)
    put(cache, A)
    clock.now += 5
    assert cache.look_up(key_of_url(A)) is None


@pytest.mark.parametrize(
    ("begun", "due", "stored", "kept"),
    [
        pytest.param(0.0, 1.0, 2.0, False, id="begun before the effect, stored after"),
        pytest.param(0.0, 2.0, 1.0, True, id="all before the effect"),
        pytest.param(2.0, 1.0, 3.0, True, id="all after the effect"),
        pytest.param(1.0, 1.0, 1.0, True, id="begun as the purge took effect"),
    ],
)
def test_old_content_is_not_stored_after_a_purge(
    cache: Cache, clock: SetClock, begun: float, due: float, stored: float, kept: bool
) -> None:
    cache.order("dirs", [key_of_url("http://a.com/d/")], due=clock.now + due)
    start = clock.now
    clock.now = start + begun
    ticket = cache.begin_fetch()
    clock.now = start + stored
    assert cache.store(key_of_url(A), Reply(200), ticket=ticket) is kept
    assert cache.store(key_of_url(C), Reply(200), ticket=ticket), "another site is none of this purge's business"


def test_age_counts_whole_seconds(cache: Cache, clock: SetClock) -> None:
    put(cache, A)
    clock.now += 7.9
    entry = cache.look_up(key_of_url(A))
    assert entry is not None
    assert cache.age(entry) == 7


def test_prefetch_is_wanted_once_when_due_and_absent(cache: Cache, clock: SetClock) -> None:
    put(cache, B)
    cache.order("prefetch", [key_of_url(A), key_of_url(B)], due=clock.now + 1)
    assert cache.take_wanted() == ()
    clock.now += 1
    assert cache.take_wanted() == (key_of_url(A),)
    assert cache.take_wanted() == ()


def test_a_later_purge_cancels_a_prefetch(cache: Cache, clock: SetClock) -> None:
    cache.order("urls", [key_of_url(A)], due=clock.now + 2)
    cache.order("prefetch", [key_of_url(A), key_of_url(B)], due=clock.now + 1)
    clock.now += 3
    assert cache.take_wanted() == (key_of_url(B),)


def test_a_fetch_that_a_purge_overtook_is_answered_but_not_kept(cache: Cache, clock: SetClock) -> None:
    def overtaken(key: Key) -> Reply:
        cache.order("urls", [key], due=clock.now)
        return Reply(200, body=b"old")

    edge = Edge(cache, fetch=overtaken, owns=lambda _: True)
    reply = edge.answer(Request("GET", b"/d/1", headers=Headers((("Host", "a.com"),))))
    assert (reply.body, reply.cache) == (b"old", "MISS")
    assert not edge.is_cached(key_of_url(A))


def test_an_origin_that_does_not_answer_is_not_cached(cache: Cache) -> None:
    def refuse(_: Key) -> Reply:
        raise ConnectionRefusedError

    edge = Edge(cache, fetch=refuse, owns=lambda _: True)
    assert edge.answer(Request("GET", b"/d/1", headers=Headers((("Host", "a.com"),)))).status == 502
    assert not edge.is_cached(key_of_url(A))


@pytest.mark.parametrize(
    ("method", "target", "host", "status", "fetched"),
    [
        pytest.param("GET", b"/x?y", "a.com", 200, b"/x?y", id="a path"),
        pytest.param("HEAD", b"/x?y", "A.COM:80", 200, b"/x?y", id="host in any case, with port"),
        pytest.param("GET", b"http://a.com:1/\xc3?y", "", 200, b"/\xc3?y", id="a whole URL, as to a proxy"),
        pytest.param("GET", b"http://a.com", "", 200, b"/", id="a whole URL without path"),
        pytest.param("GET", b"/x", "b.com", 404, None, id="a host that is not served"),
        pytest.param("GET", b"/x", "", 404, None, id="no host"),
        pytest.param("GET", b"*", "a.com", 404, None, id="neither path nor URL"),
        pytest.param("POST", b"/x", "a.com", 405, None, id="another method"),
    ],
)
def test_edge_request(cache: Cache, method: str, target: bytes, host: str, status: int, fetched: bytes | None) -> None:
    asked: list[Key] = []

    def fetch(key: Key) -> Reply:
        asked.append(key)
        return Reply(200)

    edge = Edge(cache, fetch=fetch, owns=lambda name: name == "a.com")
    headers = Headers((("Host", host),)) if host else Headers()
    assert edge.answer(Request(method, target, headers=headers)).status == status
    assert asked == ([Key("a.com", fetched)] if fetched is not None else [])


def test_headers() -> None:
    headers = Headers((("X-A", "1"), ("x-a", "2"), ("B", "3"), ("B", "4")))
    assert (headers["x-A"], headers["b"], headers.get("c")) == ("1", "3", None)
    assert "b" in headers
    assert len(headers) == len(list(headers)) == 3
    assert Headers((("B", "3"),)) == {"B": "3"}
    assert hash(Headers((("B", "3"),))) == hash(Headers((("B", "3"),)))


def test_read_request_keeps_the_bytes() -> None:
    raw = b"POST //a b/%7e\xff?q HTTP/1.1\r\nHost:  a.com \r\nContent-Length: 3\r\n\r\nabcd"
    request = read_request(io.BytesIO(raw))
    assert request is not None
    assert (request.method, request.target, request.body) == ("POST", b"//a b/%7e\xff?q", b"abc")
    assert request.path == "//a b/%7e\xff"
    assert request.headers == {"Host": "a.com", "Content-Length": "3"}


def test_read_request_of_nothing() -> None:
    assert read_request(io.BytesIO(b"")) is None


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"hello\r\n\r\n", id="no request line"),
        pytest.param(b"GET /\r\n\r\n", id="HTTP/0.9"),
        pytest.param(b"GET /a\rb HTTP/1.1\r\n\r\n", id="a carriage return in the target"),
        pytest.param(b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", id="endless line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost\r\n\r\n", id="header without colon"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", id="length that is no number"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", id="length beyond reason"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", id="body cut short"),
    ],
)
def test_read_request_refuses(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(io.BytesIO(raw))


@pytest.mark.parametrize(
    ("reply", "with_body", "data"),
    [
        pytest.param(
            Reply(200, headers=Headers((("A", "b"),)), body=b"xy"),
            True,
            b"HTTP/1.0 200 OK\r\nA: b\r\nContent-Length: 2\r\nConnection: close\r\n\r\nxy",
            id="whole",
        ),
        pytest.param(
            Reply(404, body=b"xy"),
            False,
            b"HTTP/1.0 404 NOT FOUND\r\nContent-Length: 2\r\nConnection: close\r\n\r\n",
            id="without body, as for HEAD",
        ),
        pytest.param(
            Reply(-1, headers=Headers((("content-length", "0"),))),
            True,
            b"HTTP/1.0 -1 UNKNOWN\r\ncontent-length: 0\r\nConnection: close\r\n\r\n",
            id="a status that HTTP does not have",
        ),
    ],
)
def test_render(reply: Reply, with_body: bool, data: bytes) -> None:
    assert render(reply, version="HTTP/1.0", with_body=with_body) == data


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "d").mkdir(parents=True)
    (site / "index.html").write_text("home")
    (site / "d" / "index.html").write_text("index")
    (site / "d" / "a b.css").write_text("css")
    (site / "empty").mkdir()
    (tmp_path / "secret").write_text("secret")
    (site / "out").symlink_to(tmp_path / "secret")
    (site / "up").symlink_to(tmp_path)
    (site / "in").symlink_to(site / "index.html")
    (site / "loop").symlink_to(site / "loop")
    return site


@pytest.mark.parametrize(
    ("target", "body"),
    [
        pytest.param(b"/", b"home", id="root"),
        pytest.param(b"/d/", b"index", id="index of a folder"),
        pytest.param(b"/d/a%20b.css?v=1", b"css", id="encoded, with a query"),
        pytest.param(b"/d/a b.css", b"css", id="as bytes"),
        pytest.param(b"/d%2Fa%20b.css", b"css", id="an encoded slash is a slash on the disk"),
        pytest.param(b"/in", b"home", id="a link within the folder"),
        pytest.param(b"/d", None, id="a folder without its slash"),
        pytest.param(b"/empty/", None, id="no listing"),
        pytest.param(b"/absent", None, id="absent"),
        pytest.param(b"/index.html/", None, id="a file is no folder"),
        pytest.param(b"//index.html", None, id="empty segment"),
        pytest.param(b"/./index.html", None, id="dot segment"),
        pytest.param(b"/../secret", None, id="out by dots"),
        pytest.param(b"/d/%2e%2e/%2E%2E/secret", None, id="out by encoded dots"),
        pytest.param(b"/..%2fsecret", None, id="out by an encoded slash"),
        pytest.param(b"/out", None, id="out by a link"),
        pytest.param(b"/up/secret", None, id="out by a linked folder"),
        pytest.param(b"/loop", None, id="a link to itself"),
        pytest.param(b"/a%00b", None, id="NUL"),
        pytest.param(b"/" + b"a" * 5000, None, id="a name that no disk holds"),
        pytest.param(b"*", None, id="not a path"),
    ],
)
def test_origin(site: Path, target: bytes, body: bytes | None) -> None:
    reply = Origin(site).answer(Request("GET", target))
    assert (reply.status, reply.body) == ((200, body) if body is not None else (404, b"not found\n"))


def test_origin_headers(site: Path) -> None:
    os.utime(site / "d" / "a b.css", (EPOCH, EPOCH))
    reply = Origin(site).answer(Request("GET", b"/d/a%20b.css"))
    assert reply.headers["Content-Type"] == "text/css"
    assert reply.headers["Content-Length"] == "3"
    assert reply.headers["Last-Modified"] == "Mon, 23 Nov 2015 11:37:39 GMT"
    (site / "d" / "a b.css").write_text("new")
    assert Origin(site).answer(Request("GET", b"/d/a%20b.css")).headers["ETag"] != reply.headers["ETag"]


def test_origin_is_read_only(site: Path) -> None:
    assert Origin(site).answer(Request("DELETE", b"/index.html")).status == 405


@pytest.fixture(scope="module")
def any_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


NAMES = st.binary(min_size=1, max_size=80).filter(
    lambda name: not set(b"/\0") & set(name) and name not in {b".", b".."}
)


@given(name=NAMES)
def test_origin_serves_any_name(any_folder: Path, name: bytes) -> None:
    file = any_folder / os.fsdecode(name)
    file.write_bytes(name)
    reply = Origin(any_folder).answer(Request("GET", b"/" + quote_from_bytes(name).encode()))
    file.unlink()
    assert (reply.status, reply.body) == (200, name)


def documented(**values: object) -> dict[str, object]:
    return {"zt_api": values}


@pytest.mark.parametrize(
    ("shape", "req_id", "document"),
    [
        pytest.param("documented", "i", documented(ret=0, msg="OK", reqId="i", success_rate=100.0), id="documented"),
        pytest.param("documented", "", documented(ret=0, msg="OK", success_rate=100.0), id="documented, without id"),
        pytest.param("seen", "i", {"reqId": "i", "successRate": 100.0}, id="seen"),
        pytest.param("seen", "", {"successRate": 100.0}, id="seen, without id"),
    ],
)
def test_accepted(shape: Shape, req_id: str, document: object) -> None:
    assert json.loads(answers.accepted(req_id, shape=shape).body) == document


@pytest.mark.parametrize(
    ("submission", "status", "text"),
    [
        pytest.param(Submission(), 404, "can not found sp", id="nothing"),
        pytest.param(Submission("urls", ("http://a.com/",) * 11), 400, "At most 10", id="eleven"),
        pytest.param(Submission("urls", (A, C)), 400, "A single host name", id="two hosts"),
        pytest.param(Submission("urls", (A, "http://A.com/x")), 400, "A single host name", id="one host in two cases"),
        pytest.param(
            Submission("urls", ("http://c.com:80/",)), 403, "c.com is not yours or not ready", id="a stranger"
        ),
        pytest.param(Submission("urls", ("/a",)), 400, "is not an http or https URL", id="no URL"),
        pytest.param(Submission("dirs", ("http://a.com/d",)), 400, "must end in /", id="a directory without slash"),
    ],
)
def test_check_refuses(submission: Submission, status: int, text: str) -> None:
    with pytest.raises(Refused) as refusal:
        check(submission, owns=lambda host: host.lower() in {"a.com", "b.com"})
    assert refusal.value.reply.status == status
    assert text in json.loads(refusal.value.reply.body)["error"]


@pytest.mark.parametrize(
    "submission",
    [
        pytest.param(
            Submission("urls", (A, "https://a.com:443/x", "http://a.com:80/d/")), id="schemes and ports mixed"
        ),
        pytest.param(Submission("dirs", ("http://a.com/", "http://a.com/d/")), id="directories"),
        pytest.param(Submission("urls", tuple(f"http://a.com/{n}" for n in range(10))), id="ten"),
    ],
)
def test_check_accepts(submission: Submission) -> None:
    assert check(submission, owns=lambda host: host == "a.com") == tuple(map(key_of_url, submission.entries))


@pytest.mark.parametrize(
    ("body", "submission"),
    [
        pytest.param(b'{"urls": ["a"]}', Submission("urls", ("a",)), id="urls"),
        pytest.param(b'{"urls": ["a"], "dirs": ["b"]}', Submission("dirs", ("b",)), id="both: the directories"),
        pytest.param(b'{"urls": ["a"], "dirs": []}', Submission("urls", ("a",)), id="no directories"),
        pytest.param(b'{"urls": "a"}', Submission(), id="not a list"),
        pytest.param(b"[1]", Submission(), id="not an object"),
        pytest.param(b"\xff", Submission(), id="not JSON"),
        pytest.param(b"", Submission(), id="nothing"),
    ],
)
def test_record_of(body: bytes, submission: Submission) -> None:
    assert record_of(body) == submission


@pytest.mark.parametrize(
    ("end", "after", "status", "done"),
    [
        pytest.param("success", 0, "run", None, id="before"),
        pytest.param("success", 5, "success", "Mon, 23 Nov 2015 11:37:44 GMT", id="done"),
        pytest.param("failure", 4, "run", None, id="not failed yet"),
        pytest.param("failure", 9, "failure", "Mon, 23 Nov 2015 11:37:44 GMT", id="failed"),
        pytest.param("run", 10**6, "run", None, id="for ever"),
    ],
)
def test_task_document(end: End, after: float, status: str, done: str | None) -> None:
    task = Task("i", kind="urls", entries=("http://a.com/" + "x" * 300,), created_at=EPOCH, due=EPOCH + 5, end=end)
    document = task.document(EPOCH + after, user="u", project="p")["task"]
    assert document == {
        "taskId": "i",
        "taskStatus": status,
        "taskType": "1",
        "taskContent": ("http://a.com/" + "x" * 300)[:80],
        "taskUser": "u",
        "projectId": "p",
        "taskCreateAt": "Mon, 23 Nov 2015 11:37:39 GMT",
        "taskDoneAt": done,
    }


def test_dates() -> None:
    assert http_date(EPOCH + 0.9) == "Mon, 23 Nov 2015 11:37:39 GMT"
    assert iso_date(EPOCH + 0.9) == "2015-11-23T11:37:39Z"
    assert steady_clock()() > EPOCH


def test_account_tokens(clock: SetClock) -> None:
    account = Account(hosts=(), token="fixed", username="u", password="p", token_lifetime=60, clock=clock)
    assert account.log_in("u", "x") is None
    token = account.log_in("u", "p")
    assert token is not None
    assert account.accepts(token.text)
    clock.now += 60
    assert not account.accepts(token.text)
    assert account.accepts("fixed")


def test_account_without_token_or_name_lets_nobody_in(clock: SetClock) -> None:
    account = Account(hosts=("A.com:80",), token="", username="", password="", token_lifetime=60, clock=clock)
    assert not account.accepts("")
    assert account.log_in("", "") is None
    assert account.owns("a.COM")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("reset", Fault("reset"), id="kind"),
        pytest.param("status:503", Fault("status", status=503), id="status"),
        pytest.param("status:429*2", Fault("status", status=429, times=2), id="times"),
        pytest.param("reset-after*3@/cdn_api", Fault("reset-after", times=3, path="/cdn_api"), id="path"),
        pytest.param("hang:0.5", Fault("hang", seconds=0.5), id="seconds"),
        pytest.param("interim:102", Fault("interim", status=102), id="an interim status"),
        pytest.param("bad-status-line:-2*3", Fault("bad-status-line", status=-2, times=3), id="no status below 0"),
        pytest.param("bad-status-line:1001", Fault("bad-status-line", status=1001), id="no status above 999"),
        pytest.param("drip:3@/cdn_api/tokens", Fault("drip", seconds=3.0, path="/cdn_api/tokens"), id="value and path"),
        pytest.param(
            "redirect:http://a.com:1/x*y*2", Fault("redirect", location="http://a.com:1/x*y", times=2), id="location"
        ),
    ],
)
def test_parse_fault(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is not KIND", id="empty"),
        pytest.param("503", "is not KIND", id="no kind"),
        pytest.param("reset*x", "is not KIND", id="times that are no number"),
        pytest.param("explode", "unknown fault 'explode'; there are: status, ", id="unknown"),
        pytest.param("explode:5", "unknown fault 'explode'", id="unknown, with a value"),
        pytest.param("reset*0", "at least once, not 0", id="never"),
        pytest.param("status:oops", "'oops' is not an HTTP status", id="status that is no number"),
        pytest.param("status:503*", "'503[*]' is not an HTTP status", id="times left out"),
        pytest.param("bad-status-line:x", "'x' is not a number", id="odd status that is no number"),
        pytest.param("hang:-1", "'-1' is not a number of seconds", id="less than no time"),
        pytest.param("html:5", "takes no value, so '5'", id="value too many"),
        pytest.param("redirect", "needs a location", id="redirect to nowhere"),
    ],
)
def test_parse_fault_refuses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fault(text)


def test_fault_refuses_less_than_no_time() -> None:
    with pytest.raises(ValueError, match="no length of time"):
        Fault("hang", seconds=-1)


@pytest.mark.parametrize(
    ("fault", "path", "body", "fits"),
    [
        pytest.param(Fault("reset"), "/cdn_api/purge", b"", True, id="purge unless told"),
        pytest.param(Fault("reset"), "/cdn_api/tokens", b"", False, id="another path"),
        pytest.param(Fault("reset", path="/cdn_api"), "/cdn_api/req_status/1", b"", True, id="below"),
        pytest.param(Fault("reset", path="/"), "/cdn_api/purge", b"", True, id="everything"),
        pytest.param(Fault("reset", path="/cdn_api/pur"), "/cdn_api/purge", b"", False, id="not a folder above"),
        pytest.param(Fault("reset", match="é"), "/cdn_api/purge", "xéy".encode(), True, id="text in the body"),
        pytest.param(Fault("reset", match="é"), "/cdn_api/purge", b"xy", False, id="text not in the body"),
    ],
)
def test_fault_fits(fault: Fault, path: str, body: bytes, fits: bool) -> None:
    assert fault.fits(path, body) is fits


def test_script_hands_out_in_order() -> None:
    script = Script((Fault("html", times=2), Fault("reset", match="b"), Fault("ret")))
    taken = [script.take("/cdn_api/purge", body) for body in (b"a", b"b", b"a", b"b", b"a", b"b")]
    assert [fault.kind if fault else None for fault in taken] == ["html", "html", "ret", "reset", None, None]


INSTEAD = {"status", "bad-status-line", "html", "no-reqid", "ret", "redirect", "huge"}


@pytest.mark.parametrize("kind", KINDS)
def test_faults_that_answer_for_the_api(kind: str) -> None:
    reply = scripted_reply(Fault(kind, location="/"), shape="seen")
    assert (reply is not None) == (kind in INSTEAD)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(Fault("status"), lambda reply: reply.status == 503, id="503 unless told"),
        pytest.param(
            Fault("status", status=429, headers=(("Retry-After", "7"), ("content-type", "text/x")), body="{}"),
            lambda reply: (
                (reply.status, reply.body) == (429, b"{}")
                and (reply.headers["Retry-After"], reply.headers["Content-Type"]) == ("7", "text/x")
            ),
            id="status with headers and body",
        ),
        pytest.param(
            Fault("status", body="Too much"), lambda reply: reply.headers["Content-Type"] == "text/html", id="HTML body"
        ),
        pytest.param(
            Fault("status", body="{}"),
            lambda reply: reply.headers["Content-Type"] == "application/json",
            id="JSON body",
        ),
        pytest.param(
            Fault("bad-status-line"),
            lambda reply: reply.status == -1 and json.loads(reply.body)["successRate"] == 0.0,
            id="bad status line",
        ),
        pytest.param(
            Fault("bad-status-line", status=1001, body="{}"),
            lambda reply: (reply.status, reply.body) == (1001, b"{}"),
            id="another bad status line",
        ),
        pytest.param(Fault("html"), lambda reply: b"<title>200 OK" in reply.body, id="HTML"),
        pytest.param(Fault("no-reqid"), lambda reply: json.loads(reply.body) == {"successRate": 100.0}, id="no id"),
        pytest.param(Fault("ret"), lambda reply: json.loads(reply.body)["zt_api"]["ret"] == 1, id="ret"),
        pytest.param(
            Fault("redirect", location="http://a.com/"),
            lambda reply: (reply.status, reply.headers["Location"]) == (302, "http://a.com/"),
            id="redirect",
        ),
        pytest.param(Fault("redirect", status=307, location="/"), lambda reply: reply.status == 307, id="redirect 307"),
        pytest.param(Fault("huge"), lambda reply: len(reply.body) > HUGE, id="huge"),
    ],
)
def test_scripted_reply(fault: Fault, expected: Callable[[Reply], bool]) -> None:
    reply = scripted_reply(fault, shape="seen")
    assert reply is not None
    assert expected(reply)


def test_page_of_a_status_that_http_does_not_have() -> None:
    assert b"<h1>599</h1>" in answers.page(599).body


def call(started: float, ended: float | None, *entries: str, status: int | None = 200, req_id: str = "i") -> Call:
    return Call("POST", "/cdn_api/purge", Headers(), b"", "urls", entries, started, ended, status, req_id)


@pytest.mark.parametrize(
    ("calls", "most"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([call(0, 1), call(1, 2)], 1, id="one after the other"),
        pytest.param([call(0, 3), call(1, 2), call(2, 4)], 2, id="overlapping"),
        pytest.param([call(0, None), call(1, 2), call(3, None)], 2, id="still under way"),
    ],
)
def test_most_at_once(calls: list[Call], most: int) -> None:
    assert most_at_once(calls) == most


@pytest.mark.parametrize(
    ("calls", "repeated"),
    [
        pytest.param([call(0, 1, "a", "b"), call(1, 2, "c")], (), id="none"),
        pytest.param([call(0, 1, "a", "b"), call(1, 2, "b", "c")], ("b",), id="one of them"),
        pytest.param([call(0, 1, "a", status=503, req_id=""), call(1, 2, "a")], (), id="after a refusal"),
        pytest.param([call(0, 1, "a", status=None), call(1, 2, "a")], (), id="after an answer that got lost"),
    ],
)
def test_repeated_entries(calls: list[Call], repeated: tuple[str, ...]) -> None:
    assert repeated_entries(calls) == repeated


def test_call_hides_its_secrets() -> None:
    secret = Call("POST", "/", Headers((("X-Auth-Token", "sesame"),)), b"sesame", "", (), 0.0)
    assert "sesame" not in repr(secret)
