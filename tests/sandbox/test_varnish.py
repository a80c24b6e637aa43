"""The sandbox with Varnish for an edge: real cache keys, a real `Age`, and the API's orders as PURGE, BAN and GET."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Fault, Reply, Sandbox
from sandbox.__main__ import main
from sandbox.cache import Cache
from sandbox.client import fetch
from sandbox.clock import Clock, steady_clock
from sandbox.keys import Key, key_of_url
from sandbox.listener import Listener
from sandbox.varnish import Fetches, Varnishd, VarnishEdge, VarnishError, pattern_below
from sandbox.wire import Request

ROOT = Path(__file__).resolve().parents[2]
HOST = "static.example.com"
OTHER_HOSTS = ("www.example.com", "cdn.static.example.com")
PROPAGATION = 0.3

needs_varnish = pytest.mark.usefixtures("varnish")  # those with `cdn` or `slow_cdn` have it from there


def call(api_url: str, path: str, entries: dict[str, list[str]] | None = None) -> dict[str, object]:
    request = urllib.request.Request(
        f"{api_url}/cdn_api/{path}",
        data=None if entries is None else json.dumps(entries).encode(),
        headers={"X-Auth-Token": "secret-token", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, object] = json.load(response)
        return answer


def purge(cdn: Sandbox, **entries: list[str]) -> str:
    call(cdn.api_url, "purge", entries)
    req_id = cdn.calls[-1].req_id
    assert req_id is not None
    return req_id


def task_status(cdn: Sandbox, req_id: str) -> object:
    task = call(cdn.api_url, f"req_status/{req_id}")["task"]
    assert isinstance(task, dict)
    return task["taskStatus"]


def wait_until(condition: Callable[[], bool], *, pause: float = 0.01) -> None:
    end = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(pause)


def address_of(url: str) -> tuple[str, int]:
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    return where.hostname, where.port


def warm(cdn: Sandbox, *urls: str) -> None:
    for url in urls:
        cdn.get(url)
    assert [cdn.get(url).cache for url in urls] == ["HIT"] * len(urls)


def cached(cdn: Sandbox, *urls: str) -> list[str]:
    return [url for url in urls if cdn.is_cached(url)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def cdn(folder: Path, varnish: None) -> Iterator[Sandbox]:
    with Sandbox(folder, hosts=(HOST, *OTHER_HOSTS), token="secret-token", edge="varnish") as cdn:
        yield cdn


@pytest.fixture(scope="module")
def slow_cdn(folder: Path, varnish: None) -> Iterator[Sandbox]:
    with Sandbox(folder, hosts=(HOST,), token="secret-token", edge="varnish", propagation=PROPAGATION) as cdn:
        yield cdn


numbers = count()


@pytest.fixture
def site(folder: Path) -> Path:
    """A folder of its own for each test, as they share the cache."""
    site = folder / f"t{next(numbers)}"
    site.mkdir()
    (site / "a.css").write_text("old")
    return site


@pytest.fixture
def base(site: Path) -> str:
    return f"http://{HOST}/{site.name}"


def test_stale_until_purged(cdn: Sandbox, site: Path, base: str) -> None:
    url = f"{base}/a.css"
    assert not cdn.is_cached(url)
    first = cdn.get(url)
    assert (first.status, first.body, first.cache, first.headers["Age"]) == (200, b"old", "MISS", "0")
    assert "varnish" in first.headers["Via"]
    assert "x-key" not in first.headers
    (site / "a.css").write_text("new")
    assert (cdn.get(url).body, cdn.get(url).cache) == (b"old", "HIT")
    assert cdn.get_from_origin(url).body == b"new"
    purge(cdn, urls=[url])
    assert not cdn.is_cached(url)
    assert (cdn.get(url).body, cdn.get(url).cache) == (b"new", "HIT")


def test_age_grows(cdn: Sandbox, base: str) -> None:
    warm(cdn, f"{base}/a.css")
    wait_until(lambda: int(cdn.get(f"{base}/a.css").headers["Age"]) >= 1)


def test_what_is_not_there_is_cached_too(cdn: Sandbox, site: Path, base: str) -> None:
    url = f"{base}/new.html"
    assert (cdn.get(url).status, cdn.get(url).cache) == (404, "HIT")
    (site / "new.html").write_text("new")
    assert cdn.get(url).status == 404
    purge(cdn, urls=[url])
    assert (cdn.get(url).status, cdn.get(url).body) == (200, b"new")


def test_head_fills_the_cache_and_has_no_body(cdn: Sandbox, base: str) -> None:
    head = cdn.get(f"{base}/a.css", method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "3")
    assert (cdn.get(f"{base}/a.css").body, cdn.get(f"{base}/a.css").cache) == (b"old", "HIT")


SPELLINGS = ("~", "%7e", "%7E", "a+b", "a%20b", "a%2Bb", "%E6%98%A5", "%e6%98%a5", "春", "?q=1", "?q=2", "", "#", "./")


@pytest.mark.parametrize("purged", SPELLINGS)
def test_the_key_is_the_bytes(cdn: Sandbox, base: str, purged: str) -> None:
    urls = [f"{base}/{spelling}" for spelling in SPELLINGS]
    assert [cdn.get(url).cache for url in urls] == ["MISS"] * len(urls)
    purge(cdn, urls=[f"{base}/{purged}"])
    assert cached(cdn, *urls) == [url for url in urls if url != f"{base}/{purged}"]


def test_the_scheme_is_not_in_the_key(cdn: Sandbox, base: str) -> None:
    warm(cdn, f"{base}/a.css")
    purge(cdn, urls=[f"{base}/a.css".replace("http:", "https:")])
    assert not cdn.is_cached(f"{base}/a.css")


def test_hosts_are_apart_whatever_their_case_and_port(cdn: Sandbox, site: Path) -> None:
    first, *others = urls = [f"http://{host}/{site.name}/a.css" for host in (HOST, *OTHER_HOSTS)]
    warm(cdn, *urls)
    assert cdn.get(f"http://Static.EXAMPLE.com:8080/{site.name}/a.css").cache == "HIT"
    purge(cdn, urls=[f"HTTP://STATIC.example.com:80/{site.name}/a.css"])
    assert cached(cdn, *urls) == others
    warm(cdn, first)
    purge(cdn, dirs=[f"https://STATIC.example.com:443/{site.name}/"])
    assert cached(cdn, *urls) == others


@pytest.mark.parametrize("host", ["other.example.com", "staticXexample.com", "x" + HOST, HOST + "x", f"x{HOST}:80"])
def test_a_host_without_site(cdn: Sandbox, site: Path, host: str) -> None:
    reply = cdn.get(f"http://{host}/{site.name}/a.css")
    assert (reply.status, reply.cache, reply.body) == (404, "", b"no such site on this CDN\n")
    assert not cdn.is_cached(f"http://{host}/{site.name}/a.css")


def test_a_directory_goes_with_all_below_it_and_nothing_else(cdn: Sandbox, base: str) -> None:
    below = [f"{base}/d/{name}" for name in ("", "1", "e/2", "?v=1", "%2e", "春")]
    beside = [f"{base}/{name}" for name in ("d", "d%2F1", "D/1", "dd/1", "d?/d/", "x/d/1", f"x/{HOST}/d/1", "")]
    warm(cdn, *below, *beside)
    purge(cdn, dirs=[f"{base}/d/"])
    assert cached(cdn, *below, *beside) == beside


@pytest.mark.parametrize(
    ("folder_name", "beside"),
    [
        pytest.param("a.b", "axb", id="dot"),
        pytest.param("a*", "aa", id="star"),
        pytest.param("a+b", "aab", id="plus"),
        pytest.param("(a|b)", "a", id="group"),
        pytest.param("[ab]", "a", id="class"),
        pytest.param("a{2}", "aa", id="count"),
        pytest.param("^a$", "a", id="anchors"),
        pytest.param("a?", "a", id="question mark"),
        pytest.param("\\d", "1", id="backslash"),
        pytest.param("(", "x", id="what is no expression"),
        pytest.param("\\", "x", id="backslash before the slash"),
        pytest.param("\\Qa\\E", "a", id="quoted for PCRE"),
        pytest.param('"a"', "a", id="quotes"),
        pytest.param('"}+"', "a", id="end of a long string"),
        pytest.param("a&&obj.status==200", "b", id="a second condition of a ban"),
        pytest.param("%28", "(", id="percent"),
        pytest.param("%0a", "a", id="an encoded line break"),
        pytest.param("春é", "春", id="not ASCII"),
        pytest.param("(?i)A", "a", id="an option of PCRE"),
        pytest.param("a#", "a", id="hash"),
        pytest.param("x" * 4000, "x" * 3999, id="long"),
        pytest.param("." * 4000, "x" * 4000, id="long in itself, four times as long as a pattern"),
    ],
)
def test_a_directory_is_not_a_pattern(cdn: Sandbox, base: str, folder_name: str, beside: str) -> None:
    urls = [f"{base}/{folder_name}/x", f"{base}/{beside}/x"]
    warm(cdn, *urls)
    purge(cdn, dirs=[f"{base}/{folder_name}/"])
    assert cached(cdn, *urls) == urls[1:]


SIGNS = "aB1/.*+?()[]{}|^$\\'\"`%&=;,:~!@#<>-_é春"


@settings(max_examples=60)
@given(
    st.lists(st.text(SIGNS, max_size=6), min_size=1, max_size=6, unique=True),
    st.lists(st.text(SIGNS + " \t\n\r\0\x7f", max_size=4).map(lambda name: f"{name}/"), min_size=1, max_size=3),
    st.sampled_from(["urls", "dirs"]),
)
def test_the_same_goes_as_in_the_sandboxs_own_cache(
    cdn: Sandbox, names: list[str], entries: list[str], kind: str
) -> None:
    base = f"http://{HOST}/p{next(numbers)}/"
    urls = [base + name for name in names] + [base + entry for entry in entries if re.fullmatch(r"[^\s\0\x7f]+", entry)]
    own = Cache(steady_clock())
    for url in urls:
        cdn.get(url)
        own.store(key_of_url(url), Reply(200), ticket=own.begin_fetch())
    assert cached(cdn, *urls) == urls
    purge(cdn, **{kind: [base + entry for entry in entries]})
    own.order(kind, [key_of_url(base + entry) for entry in entries], due=0)
    assert cached(cdn, *urls) == [url for url in urls if own.look_up(key_of_url(url))]


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_pattern_matches_its_prefix_only(folder_name: bytes, other: bytes) -> None:
    pattern = pattern_below(key_of_url(f"http://{HOST}/" + folder_name.decode("latin-1")))
    assert re.fullmatch(r"[\^/a-zA-Z0-9\\]+", pattern)
    prefix, text = (HOST.encode() + b"/" + part.decode("latin-1").encode() for part in (folder_name, other))
    assert (re.match(pattern.encode(), text) is not None) == text.startswith(prefix)
    assert re.match(pattern.encode(), prefix + other)


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\nX: y\r\n\r\n", " HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_a_url_that_no_request_line_holds(cdn: Sandbox, base: str, line_break: str) -> None:
    warm(cdn, f"{base}/a.css")
    url = f"{base}/a.css{line_break}"
    purge(cdn, urls=[url])
    purge(cdn, dirs=[f"{url}/"])
    call(cdn.api_url, "prefetch", {"urls": [url]})
    assert not cdn.is_cached(url)
    assert cdn.is_cached(f"{base}/a.css")


def test_a_call_purges_all_of_its_entries(cdn: Sandbox, base: str) -> None:
    urls = [f"{base}/{number}" for number in range(10)]
    warm(cdn, *urls)
    purge(cdn, urls=urls[:-1])
    assert cached(cdn, *urls) == urls[-1:]


def test_a_purge_takes_effect_when_due_by_itself(slow_cdn: Sandbox, site: Path, base: str) -> None:
    url = f"{base}/a.css"
    warm(slow_cdn, url)
    (site / "a.css").write_text("new")
    ordered = time.monotonic()
    purge(slow_cdn, urls=[url])
    assert (slow_cdn.get(url).body, slow_cdn.get(url).cache) == (b"old", "HIT")
    wait_until(lambda: slow_cdn.get(url).body == b"new")
    assert time.monotonic() - ordered >= PROPAGATION


def test_what_was_cached_between_order_and_effect_goes_too(slow_cdn: Sandbox, site: Path, base: str) -> None:
    req_id = purge(slow_cdn, dirs=[f"{base}/"])
    warm(slow_cdn, f"{base}/a.css")
    wait_until(lambda: task_status(slow_cdn, req_id) == "success")
    assert slow_cdn.get(f"{base}/a.css").cache == "MISS"


def test_done_means_applied(slow_cdn: Sandbox, base: str) -> None:
    urls = [f"{base}/{number}" for number in range(8)]
    warm(slow_cdn, *urls)
    req_id = purge(slow_cdn, urls=urls)
    assert task_status(slow_cdn, req_id) == "run"
    wait_until(lambda: task_status(slow_cdn, req_id) == "success", pause=0)  # to hit the moment
    assert [slow_cdn.get(url).cache for url in urls] == ["MISS"] * len(urls)


def test_a_purge_that_is_due_at_once_is_done_when_it_is_answered(cdn: Sandbox, base: str) -> None:
    for _ in range(20):
        warm(cdn, f"{base}/a.css")
        purge(cdn, urls=[f"{base}/a.css"])
        assert cdn.get(f"{base}/a.css").cache == "MISS"


def test_prefetch_warms(cdn: Sandbox, base: str) -> None:
    urls = [f"{base}/a.css", f"{base}/none"]
    call(cdn.api_url, "prefetch", {"urls": urls})
    assert [(cdn.get(url).status, cdn.get(url).cache) for url in urls] == [(200, "HIT"), (404, "HIT")]


def test_prefetch_warms_when_due(slow_cdn: Sandbox, base: str) -> None:
    call(slow_cdn.api_url, "prefetch", {"urls": [f"{base}/a.css"]})
    assert not slow_cdn.is_cached(f"{base}/a.css")
    wait_until(lambda: slow_cdn.is_cached(f"{base}/a.css"))
    assert slow_cdn.get(f"{base}/a.css").cache == "HIT"


def test_a_task_that_fails_leaves_the_cache(cdn: Sandbox, base: str) -> None:
    warm(cdn, f"{base}/a.css")
    cdn.add_faults(Fault("task-failure"))
    assert task_status(cdn, purge(cdn, dirs=[f"{base}/"])) == "failure"
    assert cdn.get(f"{base}/a.css").cache == "HIT"


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("http://{host}{path}/a.css", "{path}/a.css"),
        ("https://{host}{path}/a.css?q", "{path}/a.css?q"),
        ("HTTP://STATIC.example.com:8080{path}/a.css", "{path}/a.css"),
        ("http://{host}{path}/http://x/", "{path}/http://x/"),
        ("http://{host}?{name}", "/?{name}"),
    ],
)
def test_a_whole_url_as_target(cdn: Sandbox, site: Path, target: str, key: str) -> None:
    parts = {"host": HOST, "name": site.name, "path": f"/{site.name}"}
    asked = target.format(**parts)
    url = f"http://{HOST}" + key.format(**parts)
    assert fetch(address_of(cdn.edge_url), host="proxy.example", target=asked.encode()).cache == "MISS"
    assert cdn.is_cached(url)
    purge(cdn, urls=[url])
    assert fetch(address_of(cdn.edge_url), host="proxy.example", target=asked.encode()).cache == "MISS"


@pytest.mark.parametrize("target", [b"*", b"static.example.com/a", b"ftp://static.example.com/a", b"http:///a"])
def test_a_target_that_is_no_url(cdn: Sandbox, target: bytes) -> None:
    reply = fetch(address_of(cdn.edge_url), host=HOST, target=target)
    assert (reply.status, reply.cache) == (404, "")


@pytest.mark.parametrize("method", ["PURGE", "BAN", "PEEK", "POST", "OPTIONS"])
def test_visitors_give_no_orders(cdn: Sandbox, base: str, method: str) -> None:
    warm(cdn, f"{base}/a.css")
    assert cdn.get(f"{base}/a.css", method=method).status == 405
    assert cdn.get(f"{base}/a.css").cache == "HIT"


def test_asking_what_is_cached_changes_nothing(cdn: Sandbox, base: str) -> None:
    assert [cdn.is_cached(f"{base}/a.css") for _ in range(3)] == [False] * 3
    assert cdn.get(f"{base}/a.css").cache == "MISS"
    assert [cdn.is_cached(f"{base}/a.css") for _ in range(3)] == [True] * 3
    assert cdn.get(f"{base}/a.css").cache == "HIT"


def test_many_visitors_and_purges_at_once(cdn: Sandbox, site: Path, base: str) -> None:
    urls = [f"{base}/a.css?{number}" for number in range(8)]

    def publish(round_: int) -> None:
        (site / "a.css").write_text(f"{round_}")
        purge_dir = round_ % 2 == 0
        call(cdn.api_url, "purge", {"dirs": [f"{base}/"]} if purge_dir else {"urls": urls})
        assert {cdn.get(url).body for url in urls} == {f"{round_}".encode()}

    ended = threading.Event()

    def visit(url: str) -> None:
        while not ended.is_set():
            assert cdn.get(url).status == 200

    with ThreadPoolExecutor(len(urls)) as visitors:
        visits = [visitors.submit(visit, url) for url in urls]
        try:
            for round_ in range(20):
                publish(round_)
        finally:
            ended.set()
        for one in visits:
            one.result()


@contextmanager
def edge_before(
    answer: Callable[[Request], Reply], *, clock: Clock | None = None
) -> Iterator[tuple[VarnishEdge, Cache]]:
    clock = clock or steady_clock()
    cache = Cache(clock)
    with VarnishEdge(cache, answer=answer, hosts=(HOST,), bind="127.0.0.1", port=0, clock=clock) as edge:
        yield edge, cache


@needs_varnish
def test_old_content_under_way_is_not_kept_after_a_purge() -> None:
    """Neither PURGE nor BAN reaches what Varnish is still fetching, so the order has to wait for it."""
    gates = {b"/old": threading.Event(), b"/new": threading.Event()}
    arrived: list[bytes] = []

    def answer(request: Request) -> Reply:
        body = b"" if request.target.endswith(b"empty") else b"body"
        arrived.append(request.target)
        gates[b"/new" if arrived.count(request.target) > 1 else b"/old"].wait(30)
        return Reply(200, body=body)

    with edge_before(answer) as (edge, cache), ThreadPoolExecutor() as pool:
        for kind, target in [("urls", b"/1"), ("urls", b"/1empty"), ("dirs", b"/2"), ("dirs", b"/2empty")]:
            gates[b"/old"].clear()
            key = key_of_url(f"http://{HOST}{target.decode()}")
            visit = pool.submit(fetch, edge.address, host=HOST, target=target)
            wait_until(partial(arrived.__contains__, target))
            order = pool.submit(cache.order, kind, [key], due=0)
            time.sleep(0.05)
            assert not order.done()
            gates[b"/old"].set()
            order.result(30)
            assert visit.result(30).status == 200
            assert not edge.is_cached(key)
        gates[b"/new"].set()
        assert fetch(edge.address, host=HOST, target=b"/1").cache == "MISS"


def test_a_fetch_is_under_way_until_varnish_can_look_it_up() -> None:
    stored = threading.Event()
    looked_up = []

    def look_up(key: Key) -> None:
        looked_up.append(key)
        stored.wait(30)

    fetches = Fetches(lambda _: Reply(200), look_up=look_up)
    with Listener(fetches.serve, bind="127.0.0.1", port=0) as backend, ThreadPoolExecutor() as pool:
        pool.submit(fetch, backend.address, host=HOST, target=b"/x")
        wait_until(lambda: bool(looked_up))
        waiting = pool.submit(fetches.wait)
        time.sleep(0.05)
        assert not waiting.done()
        stored.set()
        waiting.result(30)
    assert looked_up == [Key(HOST, b"/x")]


def test_an_origin_that_never_answers_holds_no_purge_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.varnish.TIMEOUT", 0.1)
    over = threading.Event()
    begun = threading.Event()

    def answer(_: Request) -> Reply:
        begun.set()
        over.wait(30)
        return Reply(200)

    fetches = Fetches(answer, look_up=lambda _: None)
    with Listener(fetches.serve, bind="127.0.0.1", port=0) as backend, ThreadPoolExecutor() as pool:
        pool.submit(fetch, backend.address, host=HOST, target=b"/x")
        assert begun.wait(30)
        with pytest.raises(VarnishError, match="keeps Varnish waiting"):
            fetches.wait()
        over.set()


@needs_varnish
def test_the_api_sees_no_moment_that_varnish_is_not_up_to_date_with() -> None:
    now = 1000.0
    with edge_before(lambda _: Reply(200), clock=lambda: now) as (edge, cache):
        cache.order("dirs", [key_of_url(f"http://{HOST}/")], due=now + 60)
        assert [fetch(edge.address, host=HOST, target=b"/x").cache for _ in range(2)] == ["MISS", "HIT"]
        now += 60
        assert edge.settled_clock() == now
        assert fetch(edge.address, host=HOST, target=b"/x").cache == "MISS"


@needs_varnish
def test_an_order_that_varnish_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Varnishd, "order", lambda *_, **__: 500)
    with edge_before(lambda _: Reply(200)) as (edge, _), pytest.raises(VarnishError, match="answers PEEK"):
        edge.is_cached(key_of_url(f"http://{HOST}/"))


@needs_varnish
def test_what_the_origin_fails_to_answer_is_not_kept() -> None:
    def answer(request: Request) -> Reply:
        if request.target == b"/reset":
            raise ConnectionResetError
        return Reply(503, body=b"later")

    with edge_before(answer) as (edge, _):
        for target in (b"/reset", b"/503"):
            for _ in range(2):
                reply = fetch(edge.address, host=HOST, target=target)
                assert (reply.status, reply.cache) in {(503, ""), (503, "MISS")}
            assert not edge.is_cached(key_of_url(f"http://{HOST}{target.decode()}"))


@needs_varnish
def test_nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads = set(threading.enumerate())
    with edge_before(lambda _: Reply(200)) as (edge, _):
        assert fetch(edge.address, host=HOST, target=b"/").status == 200
        address = edge.address
        pids = [edge.pid, *children(edge.pid)]
        assert len(pids) == 2
        assert len(list(tmp_path.iterdir())) == 1
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not list(tmp_path.iterdir())
    assert set(threading.enumerate()) <= threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@needs_varnish
def test_a_stubborn_process_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.varnish.PATIENCE_AT_END", 0.1)
    with edge_before(lambda _: Reply(200)) as (edge, _):
        pids = [edge.pid, *children(edge.pid)]
        os.kill(edge.pid, signal.SIGSTOP)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


@needs_varnish
def test_a_taken_port(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cdn = Sandbox(folder, edge_port=taken.getsockname()[1], edge="varnish")
        with pytest.raises(VarnishError, match="in use"), cdn:
            pass
    assert not list(tmp_path.iterdir())


@needs_varnish
def test_every_address_is_reached_by_loopback(folder: Path, site: Path) -> None:
    with Sandbox(folder, bind="0.0.0.0", edge="varnish") as cdn:  # noqa: S104  what is tested
        assert cdn.edge_url.startswith("http://127.0.0.1:")
        assert cdn.get(f"http://localhost/{site.name}/a.css").body == b"old"


def test_no_varnish(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sandbox.varnish.find_varnishd", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert main(["--varnish", "--folder", str(folder)]) == 1
    assert capsys.readouterr().err == "sandbox: needs Varnish: `apt-get install varnish`\n"


@needs_varnish
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_command_line(folder: Path, site: Path, tmp_path: Path, ending: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    options = ["--varnish", "--host", HOST, "--folder", str(folder), "--ready-file", str(ready)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "sandbox", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: ready.exists() or process.poll() is not None)
        (varnish,) = children(process.pid)
        edge_url = json.loads(ready.read_text(encoding="utf-8"))["edge_url"]
        reply = fetch(address_of(edge_url), host=HOST, target=f"/{site.name}/a.css".encode())
        assert (reply.body, "Via" in reply.headers) == (b"old", True)
        process.send_signal(ending)
        _, noise = process.communicate(timeout=30)
    assert noise == ""
    if ending is signal.SIGKILL:
        wait_until(lambda: not Path(f"/proc/{varnish}").exists())
    else:
        assert process.returncode == 0
        assert set(tmp_path.iterdir()) == {ready}
    assert not Path(f"/proc/{varnish}").exists()
