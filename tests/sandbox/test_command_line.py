"""`python3 -m sandbox` and `make demo`, as people start them, and what is left when they end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import Call, Sandbox
from sandbox.__main__ import build_parser, main
from sandbox.faults import KINDS
from sandbox.wire import fetch
from tests.sandbox.calls import HOST, PURGE, SIGNED, TOKEN, URL, purge, send, wait_until, where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.varnish import EdgeKind

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a.css").write_text("old")
    return folder


@contextmanager
def started(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "sandbox", "--folder", str(folder), *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_runs_until_somebody_ends_it(folder: Path, edge_kind: EdgeKind, ending: signal.Signals) -> None:
    ready = folder.parent / "ready.json"
    options = ["--host", HOST, "--fault", "reset@/cdn_api/tokens", "--ready-file", str(ready), "--tasks", "run"]
    with started(folder, *options, *(["--varnish"] if edge_kind == "varnish" else [])) as process:
        assert process.stdout is not None
        api_url = process.stdout.readline().split()[1]
        while not process.stdout.readline().startswith("Ctrl-C"):
            pass
        addresses = json.loads(ready.read_text(encoding="utf-8"))
        assert (list(addresses), addresses["api_url"]) == (["api_url", "edge_url", "origin_url"], api_url)
        reply = fetch(where(addresses["edge_url"]), host=HOST, target=b"/a.css")
        assert (reply.body, "X-Varnish" in reply.headers) == (b"old", edge_kind == "varnish")
        send(api_url, PURGE, {"urls": [URL, f"http://{HOST}/é"]})
        told = process.stdout.readline()
        assert told.startswith(rf"POST /cdn_api/purge urls {URL} 'http://{HOST}/\xe9' -> 200 ")
        live = send(api_url, f"{PURGE}/{told.split()[-1]}", headers=SIGNED).document
        assert live["ws_api"]["result"]["status"] == "success"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        varnish = [Path("/proc", child) for child in children]
        assert len(varnish) == (edge_kind == "varnish")
        process.send_signal(ending)
        _, noise = process.communicate(timeout=30)
    assert (process.returncode, noise) == (-9 if ending is signal.SIGKILL else 0, "")
    wait_until(lambda: not any(one.exists() for one in varnish))  # which hears a moment later of one that was killed
    assert ending is signal.SIGKILL or {*folder.parent.iterdir()} == {folder, ready}


def test_several_edges_before_an_origin_that_lags(folder: Path) -> None:
    options = ["--host", HOST, "--edge=127.0.0.1", "--edge=127.0.0.2", "--propagation=0,60", "--hold=60"]
    with started(folder, *options, "--visit-latency=0.01", "--fault=busy:7#127.0.0.2") as process:
        assert process.stdout is not None
        api, first, second, origin = (process.stdout.readline().split()[1] for _ in range(4))
        assert (where(first), where(second)) == tuple((edge, where(first)[1]) for edge in ("127.0.0.1", "127.0.0.2"))
        busy, *replies = (fetch(where(url), host=HOST, target=b"/a.css") for url in (second, first, second))
        assert (busy.status, busy.headers["Retry-After"]) == (429, "7")
        (folder / "a.css").write_text("new")
        send(api, PURGE, {"urls": [URL]})
        replies += [fetch(where(url), host=HOST, target=b"/a.css") for url in (first, second, origin)]
        assert [(reply.body, reply.cache) for reply in replies] == [
            *((b"old", cache) for cache in ("MISS", "MISS", "MISS", "HIT", ""))
        ]
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == ""
    assert {*folder.parent.iterdir()} == {folder}


@pytest.mark.parametrize(("options", "told"), [
    (["--edge=127.0.0.1", "--propagation=1,2"], "propagation: 2 times for 1 edges"),
    (["--fault=lost#127.0.0.9"], "fault lost: no edge is at 127.0.0.9, but at 127.0.0.1"),
    (["--edge=192.0.2.77", "--edge=192.0.2.78"], "no port is free at each of 192.0.2.77, 192.0.2.78: [Errno "),
])  # fmt: skip
def test_edges_that_cannot_be(
    folder: Path, options: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert main([*options, "--folder", str(folder)]) == 1
    assert capsys.readouterr().err.startswith(f"sandbox: {told}")


def test_a_taken_port_leaves_nothing_open(folder: Path, edge_kind: EdgeKind) -> None:
    before = {*threading.enumerate()}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(folder, "--edge-port", str(port), *(["--varnish"] * (edge_kind == "varnish"))) as process:
            _, noise = process.communicate(timeout=30)
        with pytest.raises(OSError, match="in use"), Sandbox(folder, edge=edge_kind, edge_port=port):
            pass
    assert (process.returncode, noise.startswith("sandbox: "), "in use" in noise) == (1, True, True)
    assert {*threading.enumerate()} <= before
    assert {*folder.parent.iterdir()} == {folder}


def test_nothing_is_left_after_the_end_and_calls_are_told(folder: Path, edge_kind: EdgeKind) -> None:
    before = {*threading.enumerate()}
    told: list[Call] = []
    anywhere = "0.0.0.0"  # noqa: S104 - what is tested
    with Sandbox(folder, hosts=(HOST,), token=TOKEN, bind=anywhere, edge=edge_kind, on_call=told.append) as cdn:
        assert cdn.edge_url.startswith("http://127.0.0.1:")
        edge = where(cdn.edge_url)
        idle = socket.create_connection(edge)
        assert cdn.get(URL).body == b"old"
        purge(cdn, urls=[URL])
    assert tuple(told) == cdn.calls
    assert {*threading.enumerate()} <= before
    with idle:
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(edge)


def test_no_varnish(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert main(["--varnish", "--folder", str(folder)]) == 1
    assert capsys.readouterr().err == "sandbox: needs Varnish: `apt-get install varnish`\n"


REFUSALS = {
    "--fault=explode": "unknown fault 'explode'; there are: status,", "--folder=no/such": "no/such is not a folder",
    "--latency=-1": "'-1' is not a number of seconds", "--propagation=soon": "'soon' is not a number of seconds",
}  # fmt: skip


def test_it_refuses_and_helps(capsys: pytest.CaptureFixture[str]) -> None:
    for option, message in REFUSALS.items():
        with pytest.raises(SystemExit, match="2"):
            main([option])
        assert f"{option.partition('=')[0]}: {message}" in capsys.readouterr().err
    text = build_parser().format_help()
    assert all(f"\n  {kind}: {meaning}" in text for kind, meaning in KINDS.items())


def test_the_demo_ends_with_a_fresh_edge() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "sandbox.demo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "11 stale, 1 fresh\n" in done.stdout
    assert done.stdout.endswith("0 stale, 12 fresh\n\n11 URLs were stale, 11 were purged, and all are fresh.\n")
