"""However a run ends, it ends soon, and each URL that may be stale is named: bugs, signals, time-outs, no log."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault, Sandbox
from sandbox.runner import ENTRYPOINT, read_outputs, step_environ
from tests.standins.github import GitHubApi
from tests.standins.repositories import Repository
from tests.whole.steps import push_event, run_inside, started
from ztpurge.calls.clock import Clock
from ztpurge.main import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HOST, TOKEN = "127.0.0.1", "a-token-that-nobody-may-see"
NAMES = ["a.css", "b.css", "c.css"]
GITHUB_TOKEN = "gh-token-that-nobody-may-see"
SOON = 8.0  # seconds: the runner sends SIGKILL 10 s after its first signal
FULL = Path("/dev/full")
HANG = Fault("hang", seconds=60)
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


@pytest.fixture
def served(workspace: Path) -> Path:
    for name in NAMES:
        (workspace / name).write_text(name)
    return workspace


@pytest.fixture
def site(served: Path) -> Iterator[Sandbox]:
    with Sandbox(served, hosts=(HOST,), token=TOKEN) as cdn:
        yield cdn


@contextmanager
def github(folder: Path, fault: Fault) -> Iterator[tuple[GitHubApi, dict[str, str]]]:
    """A GitHub API that is faulty, and what the runner's environment says of it."""
    with GitHubApi(folder, faults=[fault]) as api:
        yield api, {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "owner/site", "GITHUB_SHA": "1" * 40}


def inputs_for(cdn: Sandbox, **inputs: str) -> dict[str, str]:
    files = {} if "manifest" in inputs else {"files": "\n".join(NAMES)}
    given = {"token": TOKEN, "api_url": cdn.api_url, "base_url": f"{cdn.edge_url}/", **files, **inputs}
    return {name.replace("_", "-"): value for name, value in given.items()}


def names(outputs: Mapping[str, str], listed: str) -> list[str]:
    return [url.rpartition("/")[2] for url in json.loads(outputs[listed])]


class TestRefused:
    """The plan is known, but nobody is called."""

    @pytest.mark.parametrize(
        ("inputs", "environ"),
        [
            pytest.param({"max_urls": "2"}, {}, id="max-urls"),
            pytest.param({"max_urls": "2", "fail_on_error": "false"}, {}, id="even if failures are to be borne"),
            pytest.param({"manifest": "kept/manifest.json", "exclude": "kept"}, {}, id="manifest"),
            pytest.param({}, {"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"}, id="certificates"),
        ],
    )
    def test_each_url_is_named_everywhere(
        self, site: Sandbox, served: Path, inputs: dict[str, str], environ: dict[str, str]
    ) -> None:
        (served / "kept").touch()
        if environ:
            inputs = inputs | {"api_url": site.api_url.replace("http:", "https:")}
        step = run_inside(served, inputs_for(site, report_file="report.json", **inputs), environ=environ)
        (error,) = [line for line in step.log.splitlines() if line.startswith("::error")]
        assert error.startswith("::error title=ztpurge::")
        assert "First of" not in error
        assert site.calls == ()
        assert (step.exit_code, step.outputs["result"], step.outputs["failed-count"]) == (2, "failed", "3")
        report = json.loads((served / "report.json").read_text())
        assert names(step.outputs, "failed-urls") == [url.rpartition("/")[2] for url in report["failed_urls"]] == NAMES
        assert [name for name in NAMES if f"/{name}" not in step.summary or f"/{name}" not in step.log] == []
        assert "Nothing was purged; 3 URLs may be stale" in step.log


class BrokenClock(Clock):
    def now(self) -> float:
        raise RuntimeError("##[error]x")


class BreaksAt(io.StringIO):
    """A log that breaks at a line that begins so."""

    def __init__(self, marker: str | None) -> None:
        super().__init__()
        self._marker = marker

    def write(self, text: str) -> int:
        if self._marker and text.startswith(self._marker):
            raise RuntimeError("##[error]x")
        return super().write(text)


class TestBug:
    """ztpurge itself goes wrong: its clock, or here the log breaks in a way that nobody foresees."""

    @pytest.mark.parametrize(
        ("marker", "named"),
        [
            pytest.param(None, None, id="before it knows what to purge"),
            pytest.param("[", "failed-urls", id="while it purges"),
            pytest.param("::group::Wait", "failed-urls", id="before it waits"),
            pytest.param("::group::Verify", "stale-urls", id="before it verifies"),
        ],
    )
    def test_what_is_not_known_to_be_fresh_is_named(
        self, site: Sandbox, served: Path, tmp_path: Path, marker: str | None, named: str | None
    ) -> None:
        output, out = tmp_path / "output", BreaksAt(marker)
        environ = step_environ(served, inputs_for(site, wait="true", verify="true"))
        environ |= {"GITHUB_OUTPUT": str(output), "GITHUB_SHA": Repository(served).commit()}
        assert run(environ, out, Clock() if marker else BrokenClock()) == 1
        outputs = read_outputs(output.read_bytes())
        assert named is None or names(outputs, named) == NAMES
        assert outputs["result"] == "failed"
        assert json.loads(outputs["req-ids"]) == [call.req_id for call in site.purge_calls]
        assert "Traceback (most recent call last):" in out.getvalue()
        assert "::error title=ztpurge::ztpurge has a bug" in out.getvalue()
        assert "##[" not in out.getvalue()

    @pytest.mark.parametrize("marker", ["::group::Purge 1 URL in 1 call, wave 2 of 2", "[2/2]"])
    def test_between_the_waves_and_in_the_second_its_urls_are_named(
        self, site: Sandbox, served: Path, tmp_path: Path, marker: str
    ) -> None:
        (served / "x.html").touch()
        output, out = tmp_path / "output", BreaksAt(marker)
        environ = step_environ(served, inputs_for(site, wait="true", files="\n".join([*NAMES, "x.html"])))
        assert run(environ | {"GITHUB_OUTPUT": str(output)}, out, Clock()) == 1
        outputs = read_outputs(output.read_bytes())
        assert (names(outputs, "failed-urls"), names(outputs, "purged-urls")) == (["x.html"], NAMES)
        assert json.loads(outputs["req-ids"]) == [call.req_id for call in site.purge_calls]


def test_github_away_it_is_purged_all_the_same_and_not_verified_is_red(
    site: Sandbox, served: Path, tmp_path: Path
) -> None:
    with github(tmp_path, Fault("status", status=500, times=99)) as (_, environ):
        inputs = inputs_for(site, verify="true", github_token="gh-token", retries="0")
        step = run_inside(served, inputs, environ=environ | {"GITHUB_EVENT_NAME": "workflow_dispatch"})
    assert (step.exit_code, step.outputs["result"]) == (1, "failed")
    assert names(step.outputs, "purged-urls") == names(step.outputs, "stale-urls") == NAMES
    assert "3 URLs of 127.0.0.1 purged, but not verified to be fresh" in step.log
    assert "GitHub's API, asked for git/trees" in step.log
    assert "GitHub" in step.summary


class TestStop:
    """A signal, while somebody or something is slow: a true report within 8 seconds, wherever the run is."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize(
        ("slow", "inputs", "named"),
        [
            pytest.param(HANG, {}, "failed-urls", id="the purge hangs"),
            pytest.param(replace(HANG, path="/cdn_api/req_status"), {"wait": "true"}, "failed-urls", id="wait"),
            pytest.param(Fault("task-stuck"), {"wait": "true"}, "failed-urls", id="the task does not end"),
            pytest.param(Fault("task-failure"), {"verify": "true"}, "stale-urls", id="the edge stays stale"),
        ],
    )
    def test_what_may_be_stale_is_named_in_time(
        self, site: Sandbox, served: Path, number: signal.Signals, slow: Fault, inputs: dict[str, str], named: str
    ) -> None:
        repository = Repository(served)
        pushed = push_event(served.parent, repository.commit(), repository.commit(dict.fromkeys(NAMES, "new")))
        for name in NAMES:  # the edge has what was before
            new = (served / name).read_bytes()
            (served / name).write_bytes(b"old")
            site.get(f"{site.edge_url}/{name}")
            (served / name).write_bytes(new)
        site.add_faults(slow)
        given = inputs_for(site, **inputs, files="")
        outputs = self._stop(served, given, pushed, number, lambda: site.wait_for_calls(1))
        assert sorted(names(outputs, named)) == NAMES

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_github_that_hangs_while_it_is_asked_what_the_commit_holds(
        self, site: Sandbox, served: Path, tmp_path: Path, number: signal.Signals
    ) -> None:
        inputs = inputs_for(site, verify="true", github_token="gh-token")
        with github(tmp_path, Fault("hang", seconds=60, times=99)) as (api, environ):
            outputs = self._stop(served, inputs, environ, number, lambda: api.wait_for_requests(1))
        assert names(outputs, "purged-urls") == names(outputs, "stale-urls") == NAMES

    def _stop(
        self, served: Path, inputs: dict[str, str], environ: dict[str, str], number: int, is_there: Callable[[], bool]
    ) -> dict[str, str]:
        """Send a signal once it `is_there`; return the outputs of the run, which ends in time."""
        output = served.parent / "output"
        with started(served, inputs, environ=environ | {"GITHUB_OUTPUT": str(output)}) as process:
            assert is_there()
            began = time.monotonic()
            process.send_signal(number)
            process.communicate(timeout=30)
        assert process.returncode == 1
        assert time.monotonic() - began < SOON
        return read_outputs(output.read_bytes())

    def test_a_second_signal_ends_at_once(self, site: Sandbox, served: Path) -> None:
        site.add_faults(HANG)
        with started(served, inputs_for(site)) as process:
            assert site.wait_for_calls(1)
            while process.poll() is None:
                process.send_signal(signal.SIGTERM)
        assert process.returncode == 128 + signal.SIGTERM

    def test_a_kill_leaves_no_half_written_file(self, site: Sandbox, served: Path, tmp_path: Path) -> None:
        site.add_faults(HANG)
        output = tmp_path / "output"
        with started(served, inputs_for(site), environ={"GITHUB_OUTPUT": str(output)}) as process:
            assert site.wait_for_calls(1)
            process.kill()
        assert read_outputs(output.read_bytes() if output.exists() else b"") == {}


def slow_api(site: Repository, api: GitHubApi) -> Mapping[str, str]:
    api.add_faults(Fault("hang", seconds=60, times=9))
    return {"since": "v1", "github-token": GITHUB_TOKEN}


def slow_git(site: Repository, api: GitHubApi) -> Mapping[str, str]:
    (site.folder / ".git/packed-refs").unlink(missing_ok=True)
    os.mkfifo(site.folder / ".git/packed-refs")
    return {"since": "v1"}


def much_to_hash(site: Repository, api: GitHubApi) -> Mapping[str, str]:
    make_hole(site.folder / "public/huge", 1 << 38)
    return {"manifest": "m.json"}


def much_to_compare_with(site: Repository, api: GitHubApi) -> Mapping[str, str]:
    names = [f"public/new-{number}" for number in range(200)]
    for name in names:  # each small enough to be compared
        make_hole(site.folder / name, 1 << 30)
    return {"files": "\n".join(names), "verify": "true"}


def make_hole(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


@pytest.mark.parametrize("how", ["cancelled", "timeout"])
@pytest.mark.parametrize("slow", [slow_api, slow_git, much_to_hash, much_to_compare_with])
def test_a_run_ends_soon_whoever_is_slow(
    cdn: Sandbox, token: str, tmp_path: Path, slow: Callable[[Repository, GitHubApi], Mapping[str, str]], how: str
) -> None:
    repository = Repository(tmp_path / "site")
    push = push_event(tmp_path, repository.commit({"public/a": "1"}), repository.commit({"public/a": "2"}))
    inputs = {"token": token, "api-url": cdn.api_url, "base-url": "https://static.example.com/", "root": "public"}
    inputs |= {"timeout": "2" if how == "timeout" else "300"}
    with GitHubApi(repository.folder, token=GITHUB_TOKEN) as api:
        inputs |= slow(repository, api)
        with started(repository.folder, inputs, environ=push | {"GITHUB_API_URL": api.url}) as process:
            assert process.stdout
            assert any(line.startswith("ztpurge ") for line in process.stdout)  # it hears of signals from here
            began = time.monotonic()
            if how == "cancelled":
                process.send_signal(signal.SIGTERM)
            log, _ = process.communicate(timeout=SOON)
    assert time.monotonic() - began < SOON
    assert process.returncode > 0
    assert slow is much_to_compare_with or cdn.calls == ()  # what is purged already is compared
    assert "::error title=ztpurge::" in log
    assert ("the run was cancelled" if how == "cancelled" else "`timeout` leaves no time") in log.replace("&#96;", "`")
    assert "Traceback" not in log


def full(_stack: ExitStack) -> int:
    return os.open(FULL, os.O_WRONLY)


def unread(_stack: ExitStack) -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def stuck(stack: ExitStack) -> int:
    """Return a pipe that nobody empties, and that does not make its writer wait."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            return writing


CLOSED = "import os, sys; os.close(1); os.execv(sys.argv[1], sys.argv[1:])"
ENDS: dict[str, tuple[dict[str, str], int, str]] = {
    "green": ({}, 0, "purged"),
    "red": ({"base-url": "https://other.example/"}, 1, "failed"),
    "refused": ({"retries": "x"}, 2, "failed"),
}


@pytest.mark.parametrize(
    ("gone", "end"),
    [
        *(pytest.param(full, end, id=f"a full disk-{end}", marks=needs_full) for end in ENDS),
        *(pytest.param(unread, end, id=f"a reader that has left-{end}") for end in ENDS),
        *(pytest.param(None, end, id=f"closed-{end}") for end in ENDS),
        pytest.param(stuck, "red", id="a reader that does not read-red"),  # which is waited for
    ],
)
def test_the_run_goes_on_without_a_log(
    cdn: Sandbox, workspace: Path, tmp_path: Path, token: str, gone: Callable[[ExitStack], int] | None, end: str
) -> None:
    inputs, exit_code, result = ENDS[end]
    files = {"GITHUB_OUTPUT": tmp_path / "output", "GITHUB_STEP_SUMMARY": tmp_path / "summary"}
    given = {"token": token, "api-url": cdn.api_url, "base-url": "https://static.example.com/"}
    given |= {"files": "\n".join(f"{number}.css" for number in range(300)), "report-file": "report.json"}
    environ = {"RUNNER_DEBUG": "1", **{name: str(path) for name, path in files.items()}}
    command = [sys.executable, "-I", str(ENTRYPOINT)]
    with ExitStack() as stack:
        out = gone(stack) if gone else None
        if out is not None:
            stack.callback(os.close, out)
        finished = subprocess.run(
            command if gone else [sys.executable, "-c", CLOSED, *command],
            cwd=workspace,
            env=step_environ(workspace, given | inputs) | environ,
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (finished.stderr, finished.returncode) == (b"", exit_code)
    assert read_outputs(files["GITHUB_OUTPUT"].read_bytes())["result"] == result
    assert files["GITHUB_STEP_SUMMARY"].read_text()
    assert (workspace / "report.json").exists() is (exit_code != 2)


@pytest.mark.parametrize("how", ["left alone", "cancelled"])
def test_a_reader_that_stops_reading_does_not_hold_the_run_up(
    cdn: Sandbox, workspace: Path, tmp_path: Path, token: str, how: str
) -> None:
    """A pipe that makes its writer wait, which nobody empties."""
    urls = "\n".join(f"http://static.example.com/{number:0200}" for number in range(400))
    inputs = {"token": token, "api-url": cdn.api_url, "urls": urls}
    reading, writing = os.pipe()
    environ = {"GITHUB_OUTPUT": str(tmp_path / "output"), "RUNNER_DEBUG": "1"}
    with started(workspace, inputs, environ=environ, stdout=writing) as process:
        os.close(writing)
        assert cdn.wait_for_calls(40)
        if how == "cancelled":
            process.send_signal(signal.SIGTERM)
        process.wait(SOON)
    os.close(reading)
    outputs = read_outputs((tmp_path / "output").read_bytes())
    assert (process.returncode, outputs["result"]) == (0, "purged")
    assert len(json.loads(outputs["req-ids"])) == len(cdn.purge_calls) == 40


@needs_full
def test_outputs_that_cannot_be_written_are_a_warning(site: Sandbox, served: Path) -> None:
    environ = dict.fromkeys(["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"], str(FULL))
    step = run_inside(served, inputs_for(site), environ=environ)
    assert step.exit_code == 0
    assert f"reqId {site.purge_calls[0].req_id}" in step.log
    assert "::warning title=ztpurge::GITHUB_OUTPUT cannot be written (No space left on device)" in step.log
