"""The sandbox's two edges, its own and Varnish, and the origin behind them: both keep and drop the same."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Fault, Reply, Sandbox
from sandbox.cache import Cache
from sandbox.clock import steady_clock
from sandbox.keys import key_of_url
from sandbox.varnish import VarnishEdge
from sandbox.wire import fetch
from tests.sandbox.calls import HOST, PREFETCH, TOKEN, URL, Hands, purge, send, task, wait_until, where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.clock import Clock
    from sandbox.keys import Key
    from sandbox.varnish import EdgeKind

OTHER_HOSTS = ("www.example.com", "cdn.static.example.com")
PROPAGATION = 0.3
numbers = count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("public")


@pytest.fixture(scope="module")
def cdn(folder: Path, edge_kind: EdgeKind) -> Iterator[Sandbox]:
    with Sandbox(folder, hosts=(HOST.title(), *OTHER_HOSTS), token=TOKEN, edge=edge_kind) as cdn:
        yield cdn


@pytest.fixture(scope="module")
def slow_cdn(folder: Path, edge_kind: EdgeKind) -> Iterator[Sandbox]:
    with Sandbox(folder, hosts=(HOST,), token=TOKEN, edge=edge_kind, propagation=PROPAGATION) as cdn:
        yield cdn


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


def warm(cdn: Sandbox, *urls: str) -> None:
    for url in urls:
        cdn.get(url)
    assert [cdn.get(url).cache for url in urls] == ["HIT"] * len(urls)


def cached(cdn: Sandbox, *urls: str) -> list[str]:
    return [url for url in urls if cdn.is_cached(url)]


def test_stale_until_purged(cdn: Sandbox, site: Path, base: str) -> None:
    url = f"{base}/a.css"
    assert [cdn.is_cached(url) for _ in range(2)] == [False] * 2, "asking changes nothing"
    head = cdn.get(url, method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"], head.cache) == (200, b"", "3", "MISS")
    assert (head.headers["Age"], head.headers["Content-Type"], "x-key" in head.headers) == ("0", "text/css", False)
    (site / "a.css").write_text("new")
    assert (cdn.get(url).body, cdn.get(url).cache, cdn.is_cached(url)) == (b"old", "HIT", True)
    assert cdn.get_from_origin(url).body == b"new"
    assert cdn.get_from_origin(url).headers["ETag"] != head.headers["ETag"]
    purge(cdn, urls=[url])
    assert not cdn.is_cached(url)
    assert (cdn.get(url).body, cdn.get(url).cache) == (b"new", "HIT")
    wait_until(lambda: int(cdn.get(url).headers["Age"]) >= 1)


def test_what_is_not_there_is_cached_too(cdn: Sandbox, site: Path, base: str) -> None:
    url = f"{base}/new.html"
    assert [(cdn.get(url).status, cdn.get(url).cache)] == [(404, "HIT")]
    (site / "new.html").write_text("new")
    assert cdn.get(url).status == 404
    purge(cdn, dirs=[f"{base}/"])
    assert (cdn.get(url).status, cdn.get(url).body) == (200, b"new")


SPELLINGS = ["~", "%7e", "%7E", "a+b", "a%20b", "a%2Bb", "%E6%98%A5", "%e6%98%a5", "春", "?q=1", "?q=2", "", "#", "./"]
PATTERNS = r"""a.b axb a* aa a+b aab (a|b) a [ab] b a{2} ^a$ a? \d 1 ( x \ \Qa\E "a" "}+" %28 %0a 春é 春 (?i)A a#
    a&&obj.status==200"""


@pytest.mark.parametrize(
    ("kind", "names"), [("urls", SPELLINGS), ("dirs", [*PATTERNS.split(), "x" * 4000, "x" * 3999, "." * 4000])]
)
def test_the_key_is_the_bytes_and_no_pattern(cdn: Sandbox, base: str, kind: str, names: list[str]) -> None:
    entries = [f"{base}/{name}{'/' * (kind == 'dirs')}" for name in names]
    urls = [f"{entry}{'x' * (kind == 'dirs')}" for entry in entries]
    for entry, url in zip(entries, urls, strict=True):
        warm(cdn, *urls)
        purge(cdn, **{kind: [entry]})
        assert cached(cdn, *urls) == [one for one in urls if one != url]


def test_hosts_are_apart_whatever_their_case_port_and_scheme(cdn: Sandbox, site: Path) -> None:
    _, *others = urls = [f"http://{host}/{site.name}/a.css" for host in (HOST, *OTHER_HOSTS)]
    for entries in ({"urls": [f"HTTPS://STATIC.example.com:80/{site.name}/a.css"]}, {"dirs": [f"http://{HOST}/"]}):
        warm(cdn, *urls)
        assert cdn.get(f"http://Static.EXAMPLE.com:8080/{site.name}/a.css").cache == "HIT"
        purge(cdn, **entries)
        assert cached(cdn, *urls) == others


@pytest.mark.parametrize(("method", "target", "host", "status"), [
    *(("GET", "{path}", host, 404) for host in ("other.example", "staticXexample.com", f"x{HOST}:80", f"{HOST}x")),
    *(("GET", target, HOST, 404) for target in ("*", f"{HOST}/a", f"ftp://{HOST}/a", "http:///a")),
    *((method, "{path}", HOST, 405) for method in ("PURGE", "BAN", "PEEK", "POST", "OPTIONS")),
    ("GET", f"https://{HOST}{{path}}", "proxy.example", 200),
    ("HEAD", f"HTTP://{HOST.upper()}:8080{{path}}", "proxy.example", 200),
])  # fmt: skip
def test_what_visitors_may_ask(cdn: Sandbox, base: str, method: str, target: str, host: str, status: int) -> None:
    url = f"{base}/a.css"
    warm(cdn, url)
    asked = target.format(path=url.removeprefix(f"http://{HOST}")).encode()
    reply = fetch(where(cdn.edge_url), host=host, target=asked, method=method)
    assert (reply.status, reply.cache) == (status, "HIT" if status == 200 else "")
    assert cdn.get(url).cache == "HIT", "visitors give no orders"
    assert fetch(where(cdn.edge_url), host="proxy.example", target=f"http://{HOST}?7".encode()).status == 404
    assert cdn.is_cached(f"http://{HOST}/?7"), "a whole URL without a path"


def test_a_directory_goes_with_all_below_it_and_nothing_else(cdn: Sandbox, base: str) -> None:
    below = [f"{base}/d/{name}" for name in ("", "1", "e/2", "?v=1", "%2e", "春")]
    beside = [f"{base}/{name}" for name in ("d", "d%2F1", "D/1", "dd/1", "d?/d/", "x/d/1", f"x/{HOST}/d/1", "")]
    warm(cdn, *below, *beside)
    purge(cdn, urls=[f"{base}/d/"])
    assert cached(cdn, *below, *beside) == [*below[1:], *beside], "as a URL it is only its index"
    purge(cdn, dirs=[f"{base}/d/"])
    assert cached(cdn, *below, *beside) == beside


SIGNS = "aB1/.*+?()[]{}|^$\\'\"`%&=;,:~!@#<>-_é春"


@settings(max_examples=60)
@given(
    st.lists(st.text(SIGNS, max_size=6), min_size=1, max_size=6, unique=True),
    st.lists(st.text(SIGNS + " \t\n\r\0\x7f", max_size=4).map(lambda name: f"{name}/"), min_size=1, max_size=3),
    st.sampled_from(["urls", "dirs"]),
)
def test_any_names_go_as_their_bytes_say(cdn: Sandbox, names: list[str], entries: list[str], kind: str) -> None:
    base = f"http://{HOST}/p{next(numbers)}/"
    urls = [base + name for name in names] + [base + entry for entry in entries if re.fullmatch(r"[^\s\0\x7f]+", entry)]
    warm(cdn, *urls)
    purged = [base + entry for entry in entries]
    purge(cdn, **{kind: purged})
    kept = [url for url in urls if not (url in purged if kind == "urls" else url.startswith(tuple(purged)))]
    assert cached(cdn, *urls) == kept


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\nX: y\r\n\r\n", " HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_a_url_that_no_request_line_holds(cdn: Sandbox, base: str, line_break: str) -> None:
    url, odd = f"{base}/a.css", f"{base}/a.css{line_break}"
    warm(cdn, url)
    for path, entries in (("purge", {"urls": [odd]}), ("purge", {"dirs": [f"{odd}/"]}), ("prefetch", {"urls": [odd]})):
        assert send(cdn.api_url, f"/cdn_api/{path}", entries).status == 200
    assert cached(cdn, url, odd) == [url]
    with pytest.raises(ValueError, match="line break"):
        cdn.get(odd)


def test_an_order_takes_effect_when_due_and_done_means_applied(slow_cdn: Sandbox, site: Path, base: str) -> None:
    urls = [f"{base}/{name}" for name in ("a.css", *"bcdefgh")]
    warm(slow_cdn, *urls)
    (site / "a.css").write_text("new")
    ordered = time.monotonic()
    req_id = purge(slow_cdn, urls=urls)
    send(slow_cdn.api_url, PREFETCH, {"urls": [f"{base}/i"]})
    assert (slow_cdn.get(urls[0]).body, task(slow_cdn, req_id)["taskStatus"]) == (b"old", "run")
    wait_until(lambda: task(slow_cdn, req_id)["taskStatus"] == "success")
    assert time.monotonic() - ordered >= PROPAGATION
    assert [slow_cdn.get(url).cache for url in urls] == ["MISS"] * len(urls)
    wait_until(lambda: slow_cdn.is_cached(f"{base}/i"))
    req_id = purge(slow_cdn, dirs=[f"{base}/"])
    (site / "a.css").write_text("newer")
    wait_until(lambda: slow_cdn.get(urls[0]).body == b"newer")  # visitors alone call
    assert task(slow_cdn, req_id)["taskStatus"] == "success"


def test_what_is_due_at_once_is_done_with_its_answer(cdn: Sandbox, base: str) -> None:
    url = f"{base}/a.css"
    for _ in range(20):
        warm(cdn, url)
        purge(cdn, urls=[url])
        assert cdn.get(url).cache == "MISS"
    cdn.add_faults(Fault("task-failure"))
    assert task(cdn, purge(cdn, urls=[url]))["taskStatus"] == "failure"
    assert cdn.get(url).cache == "HIT"
    send(cdn.api_url, PREFETCH, {"urls": [f"{base}/{name}" for name in "bc"]})
    assert [cdn.get(f"{base}/{name}").cache for name in "bcd"] == ["HIT", "HIT", "MISS"]


@contextmanager
def edge_before(fetch: Callable[[Key], Reply], clock: Clock) -> Iterator[tuple[VarnishEdge, Cache]]:
    cache = Cache(clock)
    binds = ("127.0.0.1",)
    with VarnishEdge(cache, name="edge", fetch=fetch, hosts=(HOST,), binds=binds, port=0, clock=clock) as edge:
        yield edge, cache


@pytest.mark.usefixtures("varnish")
def test_old_content_under_way_is_not_kept_after_a_purge() -> None:
    """Neither PURGE nor BAN reaches what Varnish is still fetching, so the order has to wait for it."""
    gate = threading.Event()
    arrived: list[bytes] = []

    def answer(key: Key) -> Reply:
        arrived.append(key.target)
        gate.wait(30)
        return Reply(200, body=b"" if key.target.endswith(b"empty") else b"body")

    with edge_before(answer, steady_clock()) as (edge, cache), ThreadPoolExecutor() as pool:
        for kind, name in [("urls", "1"), ("urls", "1empty"), ("dirs", "2"), ("dirs", "2empty")]:
            gate.clear()
            key = key_of_url(f"http://{HOST}/{name}")
            visit = pool.submit(fetch, edge.address, host=HOST, target=key.target)
            wait_until(partial(arrived.__contains__, key.target))
            order = pool.submit(cache.order, kind, [key], due=0)
            with pytest.raises(TimeoutError):
                order.result(0.05)
            gate.set()
            order.result(30)
            assert (visit.result(30).status, edge.is_cached(key)) == (200, False)


def test_old_content_is_not_kept_by_the_sandbox_s_own_edge_either() -> None:
    now = 0.0
    cache = Cache(lambda: now)
    cache.order("dirs", [key_of_url("http://a.com/d/")], due=5)
    before = cache.begin_fetch()
    store = partial(cache.store, key_of_url("http://a.com/d/1"), Reply(200))
    assert store(ticket=before)
    now = 5.0
    assert [store(ticket=before), store(ticket=cache.begin_fetch())] == [False, True]
    assert cache.store(key_of_url("http://b.com/d/1"), Reply(200), ticket=before), "another site"


@pytest.mark.usefixtures("varnish")
def test_varnish_is_never_behind_the_clock_nor_keeps_a_failure() -> None:
    now = 1000.0
    with edge_before(lambda key: Reply(503 if b"503" in key.target else 200), lambda: now) as (edge, cache):
        ask = partial(fetch, edge.address, host=HOST)
        cache.order("dirs", [key_of_url(f"http://{HOST}/")], due=now + 60)
        assert [ask(target=b"/x").cache for _ in range(2)] == ["MISS", "HIT"]
        now += 60
        edge.settle()
        assert [ask(target=b"/x").cache, ask(target=b"/503").cache, ask(target=b"/503").cache] == ["MISS"] * 3


SERVED = {
    "/": "home", "/d/": "index", "/in": "home", "/d/a%20b.css?v=1": "css", "/d/a b.css": "css", "/d%2F%C3%A9": "é",
}  # fmt: skip
NOT_SERVED = (
    *("/d", "/empty/", "/index.html/", "//index.html", "/./index.html", "/a%00b", "/" + "a" * 5000, "*", "/loop"),
    *("/../s", "/d/%2e%2e/%2E%2E/s", "/..%2fs", "/out", "/up/s"),  # ways out of the folder
)


@pytest.mark.parametrize("target", [*SERVED, *NOT_SERVED])
def test_the_origin_serves_its_folder_alone(origin: Sandbox, target: str) -> None:
    ask = partial(fetch, where(origin.origin_url), host=HOST, target=target.encode())
    expected = (200, SERVED[target]) if target in SERVED else (404, "not found\n")
    assert (ask().status, ask().body.decode()) == expected
    assert ask(method="DELETE").status == 405


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    above = tmp_path_factory.mktemp("above")
    site = above / "site"
    for name, text in {
        "index.html": "home",
        "d/index.html": "index",
        "d/a b.css": "css",
        "d/é": "é",
        "../s": "",
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    (site / "empty").mkdir()
    for name, target in {"out": "../s", "up": "..", "in": "index.html", "loop": "loop"}.items():
        (site / name).symlink_to(target)
    with Sandbox(site) as cdn:
        yield cdn


def test_the_origin_lags_for_a_while(tmp_path: Path) -> None:
    clock = Hands()
    (tmp_path / "a.css").write_text("old")
    with Sandbox(tmp_path, hosts=(HOST,), clock=clock) as cdn:
        cdn.hold_origin(answers=2)
        (tmp_path / "a.css").write_text("2")
        assert [cdn.get_from_origin(URL).body for _ in range(3)] == [b"old", b"old", b"2"]
        cdn.hold_origin(seconds=5)
        (tmp_path / "a.css").write_text("3")
        cdn.hold_origin(seconds=10)
        (tmp_path / "a.css").write_text("4")
        clock.now += 9.9
        assert cdn.get_from_origin(URL).body == b"2", "one that lags stays where it is"
        clock.now += 0.1
        assert cdn.get_from_origin(URL).body == b"4"
        cdn.hold_origin()
