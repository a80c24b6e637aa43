"""The sandbox as a whole: edge and origin over real sockets, its life and end, and its command line."""

import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox import Call, Fault, Sandbox
from sandbox.__main__ import build_parser, main
from sandbox.faults import KINDS

ROOT = Path(__file__).resolve().parents[2]
HOST = "static.example.com"
URL = f"http://{HOST}/a.css"


def purge(api_url: str, **entries: list[str]) -> None:
    request = urllib.request.Request(
        f"{api_url}/cdn_api/purge",
        data=json.dumps(entries).encode(),
        headers={"X-Auth-Token": "secret-token", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "d").mkdir(parents=True)
    (folder / "a.css").write_text("old")
    (folder / "d" / "index.html").write_text("index")
    return folder


@pytest.fixture
def cdn(folder: Path) -> Iterator[Sandbox]:
    with Sandbox(folder, hosts=(HOST, "www.example.com", "127.0.0.1"), token="secret-token") as cdn:
        yield cdn


def test_stale_until_purged(cdn: Sandbox, folder: Path) -> None:
    assert not cdn.is_cached(URL)
    first = cdn.get(URL)
    assert (first.status, first.body, first.cache, first.headers["Age"]) == (200, b"old", "MISS", "0")
    assert cdn.is_cached(URL)
    (folder / "a.css").write_text("new")
    assert (cdn.get(URL).body, cdn.get(URL).cache) == (b"old", "HIT")
    assert cdn.get_from_origin(URL).body == b"new"
    purge(cdn.api_url, urls=[URL])
    assert not cdn.is_cached(URL)
    assert (cdn.get(URL).body, cdn.get(URL).cache) == (b"new", "HIT")


def test_what_is_not_there_is_cached_too(cdn: Sandbox, folder: Path) -> None:
    url = f"http://{HOST}/d/new.html"
    assert (cdn.get(url).status, cdn.get(url).cache) == (404, "HIT")
    (folder / "d" / "new.html").write_text("new")
    assert cdn.get(url).status == 404
    purge(cdn.api_url, dirs=[f"http://{HOST}/d/"])
    assert cdn.get(url).status == 200


def test_each_host_and_each_spelling_is_cached_apart(cdn: Sandbox) -> None:
    urls = [URL, "http://www.example.com/a.css", f"{URL}?v=1", f"http://{HOST}/%61.css", f"http://{HOST}/./a.css"]
    assert [cdn.get(url).cache for url in urls] == ["MISS"] * 5
    assert [cdn.get(url).cache for url in urls] == ["HIT"] * 5
    purge(cdn.api_url, urls=[URL])
    assert [cdn.is_cached(url) for url in urls] == [False, True, True, True, True]


def test_the_edge_gets_the_bytes_as_they_stand(cdn: Sandbox, folder: Path) -> None:
    (folder / "à b.css").write_text("raw")
    assert cdn.get(f"http://{HOST}/à b.css").body == b"raw"
    assert not cdn.is_cached(f"http://{HOST}/%C3%A0%20b.css")
    assert cdn.get(f"http://{HOST}/%C3%A0%20b.css").body == b"raw"
    assert cdn.get(f"http://{HOST}//a.css").status == 404


def test_a_line_break_cannot_be_sent(cdn: Sandbox) -> None:
    with pytest.raises(ValueError, match="line break"):
        cdn.get(f"{URL}\r\nX: y")


def test_head_fills_the_cache_and_has_no_body(cdn: Sandbox) -> None:
    head = cdn.get(URL, method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "3")
    assert (cdn.get(URL).body, cdn.get(URL).cache) == (b"old", "HIT")


def test_a_host_without_site(cdn: Sandbox) -> None:
    reply = cdn.get("http://other.example.com/a.css")
    assert (reply.status, reply.cache) == (404, "")
    assert not cdn.is_cached("http://other.example.com/a.css")


def test_addresses_are_for_any_client(cdn: Sandbox) -> None:
    assert len({cdn.api_url, cdn.edge_url, cdn.origin_url}) == 3
    for address in (cdn.edge_url, cdn.origin_url):
        with urllib.request.urlopen(f"{address}/d/", timeout=30) as response:
            assert response.read() == b"index"
            assert response.headers["ETag"]


def test_the_edge_answers_what_is_not_http(cdn: Sandbox) -> None:
    with socket.create_connection((urlsplit(cdn.edge_url).hostname, urlsplit(cdn.edge_url).port)) as connection:
        connection.sendall(b"hello\r\n")
        with connection.makefile("rb") as stream:
            assert stream.read().startswith(b"HTTP/1.1 400 BAD REQUEST\r\n")


def test_nothing_is_left_after_the_end(folder: Path) -> None:
    before = set(threading.enumerate())
    with Sandbox(folder, hosts=(HOST,)) as cdn:
        edge = urlsplit(cdn.edge_url)
        idle = socket.create_connection((edge.hostname, edge.port))
        cdn.get(URL)
    assert set(threading.enumerate()) <= before
    with idle:
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((edge.hostname, edge.port))


def test_a_taken_port_leaves_nothing_open(folder: Path) -> None:
    before = set(threading.enumerate())
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
        Sandbox(folder, api_port=taken.getsockname()[1]),
    ):
        pass
    assert set(threading.enumerate()) <= before


def test_every_address_is_reached_by_loopback(folder: Path) -> None:
    with Sandbox(folder, bind="0.0.0.0") as cdn:  # noqa: S104  what is tested
        assert cdn.edge_url.startswith("http://127.0.0.1:")
        assert cdn.get("http://localhost/a.css").body == b"old"


def test_calls_are_told_as_they_end(folder: Path) -> None:
    told: list[Call] = []
    with Sandbox(folder, hosts=(HOST,), token="secret-token", on_call=told.append) as cdn:
        purge(cdn.api_url, urls=[URL])
    assert tuple(told) == cdn.calls


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "sandbox", "--folder", str(folder), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_command_line(folder: Path, tmp_path: Path, ending: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    with start(folder, "--host", HOST, "--fault", "reset@/cdn_api/tokens", "--ready-file", str(ready)) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while not lines[-1].startswith("Ctrl-C"):
            lines.append(process.stdout.readline())
        api_url = lines[0].split()[1]
        purge(api_url, urls=[URL, f"http://{HOST}/é"])
        lines.append(process.stdout.readline())
        process.send_signal(ending)
        _, noise = process.communicate(timeout=30)
    assert (process.returncode, noise) == (0, "")
    assert lines[-1].startswith(rf"POST /cdn_api/purge urls {URL} 'http://{HOST}/\xe9' -> 200 ")
    addresses = json.loads(ready.read_text(encoding="utf-8"))
    assert list(addresses) == ["api_url", "edge_url", "origin_url"]
    assert addresses["api_url"] == api_url
    assert set(tmp_path.iterdir()) == {folder, ready}


def test_a_command_line_for_the_published_server(folder: Path) -> None:
    with start(folder, "--host", HOST, "--tasks", "run") as process:
        assert process.stdout is not None
        api_url = process.stdout.readline().split()[1]
        while not process.stdout.readline().startswith("Ctrl-C"):
            pass
        purge(api_url, urls=[URL])
        req_id = process.stdout.readline().split()[-1]
        headers = {"X-Auth-Token": "secret-token"}
        said = []
        for path in ("req_status", "purge"):
            request = urllib.request.Request(f"{api_url}/cdn_api/{path}/{req_id}", headers=headers)
            with urllib.request.urlopen(request, timeout=30) as response:
                said.append(json.load(response))
        process.terminate()
        process.communicate(timeout=30)
    assert said[0]["task"]["taskStatus"] == "run"
    assert said[1]["ws_api"]["result"]["status"] == "success"


def test_command_line_with_a_taken_port(folder: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        start(folder, "--edge-port", str(taken.getsockname()[1])) as process,
    ):
        _, noise = process.communicate(timeout=30)
    assert process.returncode == 1
    assert noise.startswith("sandbox: ")
    assert "in use" in noise


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["--fault", "explode"], "--fault: unknown fault 'explode'; there are: status,", id="fault"),
        pytest.param(["--folder", "no/such"], "--folder: no/such is not a folder", id="folder"),
        pytest.param(["--latency", "-1"], "--latency: '-1' is not a number of seconds", id="less than no time"),
        pytest.param(["--propagation", "soon"], "--propagation: 'soon' is not a number of seconds", id="no time"),
        pytest.param(["--shape", "round"], "--shape: invalid choice: 'round'", id="shape"),
    ],
)
def test_command_line_refuses(capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(options)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_command_line_reads_faults() -> None:
    options = build_parser().parse_args(["--fault", "status:503*2", "--fault", "hang:5"])
    assert options.fault == [Fault("status", status=503, times=2), Fault("hang", seconds=5.0)]


def test_help_explains_every_fault() -> None:
    text = build_parser().format_help()
    assert all(f"\n  {kind}: {meaning}" in text for kind, meaning in KINDS.items())
