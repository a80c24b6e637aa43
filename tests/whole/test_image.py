"""The image that users run, started as GitHub's runner starts a container action."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from sandbox import Fault, Sandbox
from sandbox.runner import read_outputs
from sandbox.varnish import MISSING, find_varnishd
from tests.standins.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., "Container"]

pytestmark = pytest.mark.engine

RUNNER_UID = 1001


@pytest.fixture(scope="module")
def image() -> str:
    if "ZTPURGE_IMAGE" not in os.environ:
        pytest.skip("needs a Docker engine: `make e2e` builds the image and runs this")
    return os.environ["ZTPURGE_IMAGE"]


def docker(*arguments: str) -> str:
    finished = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return finished.stdout.strip()


@dataclass(frozen=True)
class Container:
    """A step under way."""

    name: str
    commands: Path

    def finish(self) -> tuple[int, str]:
        code = int(docker("wait", self.name))
        logs = subprocess.run(["docker", "logs", self.name], check=True, capture_output=True, text=True)
        return code, logs.stdout + logs.stderr

    def outputs(self) -> dict[str, str]:
        return read_outputs((self.commands / "output").read_bytes())

    def summary(self) -> str:
        return (self.commands / "summary").read_text()


@pytest.fixture
def start(image: str, workspace: Path, tmp_path: Path, cdn: Sandbox, token: str) -> Iterator[Start]:
    """Start the action's container with the mounts and variables that the runner gives it."""
    commands, home = tmp_path / "commands", tmp_path / "home"
    for folder in (commands, home):
        folder.mkdir()
    for name in ("output", "summary"):
        (commands / name).touch()
    for path in (workspace, commands, home, *commands.iterdir()):
        os.chown(path, RUNNER_UID, RUNNER_UID)
    containers: list[str] = []

    def start(
        *flags: str, arguments: tuple[str, ...] = (), environ: dict[str, str] | None = None, **inputs: str
    ) -> Container:
        given = {"token": token, "api_url": cdn.api_url, "base_url": "https://static.example.com/", **inputs}
        variables = {f"INPUT_{name.replace('_', '-').upper()}": value for name, value in given.items()}
        variables |= {"HOME": "/github/home", "GITHUB_WORKSPACE": "/github/workspace", "GITHUB_ACTIONS": "true"}
        variables |= {"CI": "true", "GITHUB_OUTPUT": "/github/file_commands/output"}
        variables |= {"GITHUB_STEP_SUMMARY": "/github/file_commands/summary", **(environ or {})}
        mounts = {workspace: "/github/workspace", home: "/github/home", commands: "/github/file_commands"}
        name = docker(
            "run",
            "--detach",
            "--network=host",  # the CDN on loopback is all that there is on it
            "--workdir=/github/workspace",
            *(f"--volume={source}:{target}" for source, target in mounts.items()),
            *(f"--env={variable}={value}" for variable, value in variables.items()),
            *flags,
            image,
            *arguments,
        )
        containers.append(name)
        return Container(name, commands)

    yield start
    if containers:
        docker("rm", "--force", *containers)


def test_a_step_purges_and_leaves_outputs_summary_and_report(start: Start, cdn: Sandbox, workspace: Path) -> None:
    (workspace / "list").write_bytes("index.html\0春.css\0".encode())
    step = start(files_from="list", report_file="out/report.json", exclude="*.map")
    code, log = step.finish()
    assert code == 0, log
    urls = tuple(f"https://static.example.com/{name}" for name in ("%E6%98%A5.css", "index.html", ""))
    assert [call.entries for call in cdn.purge_calls] == [urls]
    assert json.loads(step.outputs()["req-ids"]) == [cdn.purge_calls[0].req_id]
    assert "3 URLs on <code>static.example.com</code> purged" in step.summary()
    assert f"reqId {cdn.purge_calls[0].req_id}" in log
    assert json.loads((workspace / "out/report.json").read_text())["result"] == "purged"


def test_a_build_is_hashed_purged_waited_for_prefetched_and_seen_to_be_fresh(
    start: Start, cdn: Sandbox, workspace: Path, tmp_path: Path
) -> None:
    for folder in (workspace / "dist", tmp_path / "served"):
        folder.mkdir(exist_ok=True)
        (folder / "春.html").write_text("x" * 300_000)
        (folder / "index.html").write_text("new")
    inputs = {"root": "dist", "base_url": "http://static.example.com/", "manifest": "manifest.json"}
    inputs |= dict.fromkeys(("wait", "verify", "prefetch"), "true")
    environ = {"http_proxy": cdn.edge_url, "no_proxy": "127.0.0.1"}  # the edge is reached as a proxy is
    step = start(environ=environ, **inputs)
    code, log = step.finish()
    assert code == 0, log
    assert re.search(r"3 URLs on \S+ purged and reported done in [0-9.]+ s, all seen fresh", log)
    assert len(json.loads(step.outputs()["prefetch-req-ids"])) == 1
    kept = workspace / "manifest.json"
    assert sorted(json.loads(kept.read_text())["files"]) == ["index.html", "春.html"]
    assert kept.stat().st_mode & 0o444 == 0o444  # the runner's user saves what the container's root wrote


@pytest.mark.parametrize("is_lost", [False, True], ids=["both are purged", "one is not"])
def test_each_address_of_a_name_is_looked_at(
    start: Start, cdn: Sandbox, token: str, workspace: Path, tmp_path: Path, *, is_lost: bool
) -> None:
    if not find_varnishd():
        pytest.skip(MISSING)
    edges, served, host = ("127.0.0.1", "127.0.0.2"), tmp_path / "origin", "static.example.com"
    served.mkdir()
    (served / "a.css").write_text("old")
    with Sandbox(served, hosts=(host,), token=token, edge="varnish", edges=edges, propagation=(0.1, 0.6)) as varnish:
        base = f"http://{host}:{urlsplit(varnish.edge_url).port}/"
        for edge in edges:
            assert varnish.get(f"{base}a.css", edge=edge).body == b"old"
        for folder in (served, workspace / "dist"):
            folder.mkdir(exist_ok=True)
            (folder / "a.css").write_text("new")
        config = {"version": 1, "sites": [{"root": "dist", "urls": base, "origin": varnish.origin_url}]}
        (workspace / ".ztpurge.yml").write_text(json.dumps(config))
        if is_lost:
            varnish.add_faults(Fault("lost", edge=edges[1], times=9))
        inputs = {"base_url": "", "manifest": "manifest.json", "report_file": "r.json", "verify_timeout": "8"}
        names = [f"--add-host={host}:{edge}" for edge in edges]
        step = start(*names, api_url=varnish.api_url, wait="true", verify="true", **inputs)
        code, log = step.finish()
        assert code == is_lost, log
        assert [varnish.get(f"{base}a.css", edge=edge).body for edge in edges] == [
            b"new",
            b"old" if is_lost else b"new",
        ]
    (row,) = json.loads((workspace / "r.json").read_text())["verified"]
    seen = {sight["server"]: (sight["state"], sight["place"] or sight["said"].get("Via")) for sight in row["sights"]}
    assert {server: state for server, (state, _) in seen.items()} == {
        edges[0]: "fresh",
        edges[1]: "stale" if is_lost else "fresh",
    }
    assert "Origin: 1 seen fresh" in log
    assert len(varnish.purge_calls) == 1 + is_lost  # once more, in vain


def test_a_push_is_found_out_in_a_checkout_of_another_user(start: Start, cdn: Sandbox, workspace: Path) -> None:
    os.chown(workspace, os.getuid(), os.getgid())
    site = Repository(workspace)
    before = site.commit({"public/old 春.html": "x" * 99, "public/kept": "1", "src/a": "1"})
    after = site.commit({"public/old 春.html": None, "public/new.html": "x" * 99, "src/a": "2"})
    (workspace / "event.json").write_text(json.dumps({"before": before, "after": after}))
    subprocess.run(["chown", "-R", f"{RUNNER_UID}:{RUNNER_UID}", workspace], check=True)
    environ = {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": "/github/workspace/event.json"}
    code, log = start(root="public", environ=environ).finish()
    assert code == 0, log
    urls = tuple(f"https://static.example.com/{name}" for name in ("new.html", "old%20%E6%98%A5.html"))
    assert [call.entries for call in cdn.purge_calls] == [urls]
    assert "by the checkout" in log


def test_a_failure_is_red_and_keeps_its_outputs(start: Start) -> None:
    step = start(files="a.css", token="wrong")
    code, log = step.finish()
    assert code == 1
    assert json.loads(step.outputs()["failed-urls"]) == ["https://static.example.com/a.css"]
    assert "::error title=ztpurge::" in log


def test_neither_the_workspace_s_modules_nor_arguments_are_picked_up(start: Start, workspace: Path) -> None:
    for name in ("requests", "json", "ztpurge", "sitecustomize", "usercustomize"):
        (workspace / f"{name}.py").write_text("raise SystemExit(99)")
    environ = {"PYTHONPATH": "/github/workspace", "PYTHONSTARTUP": "/github/workspace/json.py", "PYTHONHOME": "/github"}
    assert start(arguments=("--help", "; exit 3"), files="a.css", environ=environ).finish()[0] == 0


@pytest.mark.parametrize("signal", ["INT", "TERM"])
def test_a_cancelled_step_ends_in_time_with_its_outputs(start: Start, cdn: Sandbox, signal: str) -> None:
    cdn.add_faults(Fault("hang", seconds=60))
    step = start(files="a.css")
    cdn.wait_for_calls(1)
    docker("kill", f"--signal={signal}", step.name)
    began = time.monotonic()
    code, log = step.finish()
    assert code == 1
    assert "may have been accepted or not" in log
    assert json.loads(step.outputs()["failed-urls"]) == ["https://static.example.com/a.css"]
    assert time.monotonic() - began < 7.5  # when the runner turns from SIGINT to SIGTERM


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(("--read-only",), id="nothing may be written to the image"),
        pytest.param((f"--user={RUNNER_UID}:{RUNNER_UID}",), id="the runner's user"),
        pytest.param(("--cap-drop=ALL", "--security-opt=no-new-privileges"), id="no capabilities but for files"),
    ],
)
def test_the_container_needs_no_privileges(start: Start, flags: tuple[str, ...], workspace: Path) -> None:
    owned_by_others = "--cap-drop=ALL" in flags
    step = start(*flags, *(("--cap-add=DAC_OVERRIDE",) if owned_by_others else ()), files="a.css", report_file="r.json")
    assert step.finish()[0] == 0
    assert step.outputs()["result"] == "purged"
    assert (workspace / "r.json").exists()


def test_the_image_is_started_as_the_runner_expects(image: str) -> None:
    (described,) = json.loads(docker("image", "inspect", image))
    config = described["Config"]
    assert (config.get("User", ""), config.get("WorkingDir", "")) in {("", ""), ("", "/")}
    assert config["Entrypoint"] == ["/opt/ztpurge/venv/bin/python3", "-I", "/opt/ztpurge/entrypoint.py"]
    assert not config.get("Cmd")


@pytest.fixture(scope="module")
def names(image: str) -> set[str]:
    """The paths of all files in the image."""
    container = docker("create", image)
    export = subprocess.run(f"docker export {container} | tar -tf -", shell=True, check=True, capture_output=True)  # noqa: S602
    docker("rm", container)
    return set(export.stdout.decode().splitlines())


def test_what_is_shipped_is_python_the_libraries_and_us(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    made_by_docker = {"dev", "proc", "sys", ".dockerenv"}
    assert tops - made_by_docker <= {"etc", "lib", "lib64", "opt", "tmp", "usr"}
    unwanted = ("/pip", "/sh", "/bash", "/apt", "/gcc", "/tests", "/ensurepip")
    assert [name for name in names if name.endswith(unwanted)] == []
    programs = {name for name in names if "/bin/" in name and not name.endswith("/")}
    assert programs == {"opt/ztpurge/venv/bin/python3", "usr/bin/git"}


def test_everything_shipped_is_compiled(names: set[str]) -> None:
    """Without bytecode each start compiles the standard library anew."""
    sources = {name for name in names if name.endswith(".py")}
    folders = {name.rpartition("/")[0] for name in sources}
    compiled = {
        name.replace("__pycache__/", "").split(".cpython-")[0] + ".py" for name in names if name.endswith(".pyc")
    }
    assert "opt/ztpurge/ztpurge" in folders
    assert sources == compiled
