"""Several edges before one origin: each has its own cache, and a purge gets to each in its time, or not for good."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Sandbox
from sandbox.record import most_at_once
from sandbox.wire import fetch
from tests.sandbox.calls import HOST, PREFETCH, TOKEN, URL, Hands, purge, send, task, where
from tests.tables import cases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.varnish import EdgeKind

EDGES = FIRST, SECOND = ("127.0.0.1", "127.0.0.2")
OTHER = f"http://{HOST}/b.css"


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    write(folder, "old")
    return folder


@pytest.fixture
def cdn(folder: Path, clock: Hands, edge_kind: EdgeKind) -> Iterator[Sandbox]:
    with Sandbox(folder, hosts=(HOST,), token=TOKEN, clock=clock, edge=edge_kind, edges=EDGES) as cdn:
        bodies(cdn)
        bodies(cdn, OTHER)
        write(folder, "new")
        yield cdn


def write(folder: Path, text: str) -> None:
    for name in ("a.css", "b.css"):
        (folder / name).write_text(text)


def bodies(cdn: Sandbox, url: str = URL) -> list[str]:
    return [cdn.get(url, edge=edge).body.decode() for edge in cdn.edges]


def test_each_edge_keeps_its_own_and_says_which_it_is(cdn: Sandbox, edge_kind: EdgeKind) -> None:
    assert cdn.edges == EDGES
    port = where(cdn.edge_url)[1]
    url = f"{URL}?1"
    for number, edge in enumerate(EDGES, 1):
        assert not cdn.is_cached(url, edge=edge)
        miss, hit = [fetch((edge, port), host=HOST, target=b"/a.css?1") for _ in range(2)]
        assert [miss.cache, hit.cache] == ["MISS", "HIT"]
        assert [miss.headers["Age"], hit.headers["Age"]] == ["0", "0"]
        assert hit.headers["Cache-Status"] == f"edge-{number}; hit"
        assert miss.headers["Cache-Status"].startswith(f"edge-{number}; fwd=miss")
        assert hit.headers["Via"].lower() == f"1.1 edge-{number} ({edge_kind})"
        assert cdn.is_cached(url, edge=edge)


def test_a_purge_gets_to_each_edge_in_its_own_time(folder: Path, clock: Hands, edge_kind: EdgeKind) -> None:
    given: dict[str, Any] = {"hosts": (HOST,), "token": TOKEN, "clock": clock, "edge": edge_kind}
    with Sandbox(folder, edges=EDGES, propagation=(5, 60), **given) as cdn:
        bodies(cdn)
        write(folder, "new")
        req_id = purge(cdn, urls=[URL])
        seen = []
        for seconds in (4.9, 0.1, 54.9, 0.1):
            clock.now += seconds
            are_cached = [cdn.is_cached(URL, edge=edge) for edge in EDGES]
            seen.append((are_cached, bodies(cdn), task(cdn, req_id)["taskStatus"]))
    assert seen == [
        ([True, True], ["old", "old"], "run"), ([False, True], ["new", "old"], "run"),
        ([True, True], ["new", "old"], "run"), ([True, False], ["new", "new"], "success"),
    ]  # fmt: skip


def test_a_time_for_each_edge_or_one_for_all(folder: Path) -> None:
    with pytest.raises(ValueError, match="1 times for 2 edges"):
        Sandbox(folder, edges=EDGES, propagation=(1,))


@cases("edge after", {"one": (SECOND, ["new", "old"]), "each": ("", ["old", "old"])})
def test_a_purge_may_be_lost_on_its_way(cdn: Sandbox, edge: str, after: list[str]) -> None:
    cdn.add_faults(Fault("lost", edge=edge, match="a.css"))
    purge(cdn, urls=[OTHER])
    req_id = purge(cdn, urls=[URL])
    assert (bodies(cdn), bodies(cdn, OTHER)) == (after, ["new", "new"])
    assert task(cdn, req_id)["taskStatus"] == "success"
    purge(cdn, urls=[URL])
    assert bodies(cdn) == ["new", "new"]


@pytest.mark.parametrize("kind", ["urls", "dirs"])
@pytest.mark.parametrize("answers", [0, 1, 3])
def test_an_old_copy_comes_back_until_it_is_purged_once_more(cdn: Sandbox, kind: str, answers: int) -> None:
    entries = [URL, OTHER] if kind == "urls" else [f"http://{HOST}/"]
    cdn.add_faults(Fault("comes-back", answers=answers, edge=SECOND, match="a.css" if kind == "urls" else ""))
    purge(cdn, **{kind: entries})
    assert not cdn.is_cached(URL, edge=SECOND)
    expected = ["new"] * answers + ["old"] * 3
    assert [bodies(cdn) for _ in expected] == [["new", text] for text in expected]
    assert cdn.get(URL, edge=SECOND).cache == "HIT"
    assert "Surrogate-Control" not in cdn.get(URL, edge=SECOND).headers
    if kind == "urls":
        assert [bodies(cdn, OTHER) for _ in expected] == [["new", "new"]] * len(expected), "of the same call"
    purge(cdn, **{kind: entries})
    assert [bodies(cdn) for _ in expected] == [["new", "new"]] * len(expected)


def test_what_comes_back_is_the_copy_from_before_the_latest_purge(cdn: Sandbox, folder: Path) -> None:
    cdn.add_faults(Fault("comes-back", times=2))
    purge(cdn, urls=[URL, f"{URL}?new"])
    assert [bodies(cdn)[0] for _ in range(2)] == ["new", "old"]
    assert [bodies(cdn, f"{URL}?new")[0] for _ in range(3)] == ["new"] * 3, "there was none of it"
    purge(cdn, urls=[URL])
    send(cdn.api_url, PREFETCH, {"urls": [URL]})
    assert (cdn.is_cached(URL), bodies(cdn)[0]) == (False, "old"), "the edge's own answer counts, too"
    purge(cdn, urls=[URL])
    assert bodies(cdn)[0] == "new"
    write(folder, "newer")
    cdn.add_faults(Fault("comes-back"))
    purge(cdn, urls=[URL])
    assert [bodies(cdn)[0] for _ in range(2)] == ["newer", "new"]


def test_visits_are_noted_and_some_are_put_off(folder: Path) -> None:
    """Varnish tells of no visit, and is never busy."""
    faults = (Fault("busy", seconds=1.2, times=2), Fault("busy", status=503, edge=SECOND, match="b.css"))
    with Sandbox(folder, hosts=(HOST,), token=TOKEN, edges=EDGES, faults=faults, visit_latency=0.05) as cdn:
        replies = [cdn.get(URL) for _ in range(3)] + [cdn.get(OTHER, edge=edge) for edge in EDGES]
        send(cdn.api_url, body=b"{}")
        assert [reply.status for reply in replies] == [429, 429, 200, 200, 503]
        assert [reply.headers.get("Retry-After") for reply in replies] == ["2", "2", None, None, "1"]
        assert [(visit.edge, visit.path, visit.status) for visit in cdn.visits] == [
            *((FIRST, "/a.css", status) for status in (429, 429, 200)),
            *((FIRST, "/b.css", 200), (SECOND, "/b.css", 503)),
        ]
        assert (cdn.visits[0].headers["host"], len(cdn.calls), most_at_once(cdn.visits)) == (HOST, 1, 1)
        assert all(visit.ended and visit.ended - visit.started >= 0.05 for visit in cdn.visits)
        with ThreadPoolExecutor(8) as pool:
            assert len({reply.status for reply in pool.map(cdn.get, [URL] * 8)}) == 1
        assert most_at_once(cdn.visits) > 1


def test_a_fault_for_no_edge_of_these_is_refused(folder: Path) -> None:
    with (
        Sandbox(folder, edges=EDGES) as cdn,
        pytest.raises(ValueError, match=r"no edge is at 127\.0\.0\.3, but at 127"),
    ):
        cdn.add_faults(Fault("lost", edge="127.0.0.3"))
    with pytest.raises(ValueError, match="Varnish never is"):
        Sandbox(folder, edge="varnish", faults=[Fault("busy")])


def test_the_origin_lags(cdn: Sandbox, folder: Path, clock: Hands) -> None:
    url = f"http://{HOST}/lag.css"
    (folder / "lag.css").write_text("1")
    cdn.hold_origin()
    (folder / "lag.css").write_text("2")
    (folder / "late.css").write_text("2")
    assert bodies(cdn, url) == ["1", "1"]
    assert (cdn.get_from_origin(url).body, cdn.get_from_folder(url).body) == (b"1", b"2")
    assert cdn.get_from_origin(f"http://{HOST}/late.css").status == 404
    purge(cdn, urls=[url])
    assert bodies(cdn, url) == ["1", "1"], "pinned"
    cdn.release_origin()
    assert (bodies(cdn, url), cdn.get_from_origin(url).body) == (["1", "1"], b"2")
    purge(cdn, urls=[url])
    assert bodies(cdn, url) == ["2", "2"]


def test_whoever_comes_by_ipv6_is_served_too(
    folder: Path, edge_kind: EdgeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `localhost` is both, so are the addresses of its edge; elsewhere an edge may have such an address alone."""
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        look_up = socket.getaddrinfo
        six = look_up("::1", 0)
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *more, **named: look_up(host, *more, **named) + six * (host == "localhost"),
        )
        with Sandbox(folder, hosts=(HOST,), edge=edge_kind) as cdn:
            assert cdn.edges == ("127.0.0.1",)
            cdn.get(URL)
            assert fetch(("::1", where(cdn.edge_url)[1]), host=HOST, target=b"/a.css").cache == "HIT"
        with Sandbox(folder, hosts=(HOST,), edge=edge_kind, edges=(SECOND, "::1")) as cdn:
            assert [cdn.get(URL, edge=edge).cache for edge in cdn.edges] == ["MISS", "MISS"]
        with Sandbox(folder, hosts=(HOST,), edge=edge_kind, edges=("::1",)) as cdn:
            assert cdn.edge_url.startswith("http://[::1]:")
            assert cdn.get(URL).status == 200
        return
    pytest.skip("there is no ::1 on this machine")
