"""Whole runs whose standard output goes away: no log, but outputs, summary, report and exit code as ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.runner import ENTRYPOINT, read_outputs, step_environ

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

FULL = Path("/dev/full")
CLOSED = "import os, sys; os.close(1); os.execv(sys.argv[1], sys.argv[1:])"


def _full(_stack: ExitStack) -> int:
    return os.open(FULL, os.O_WRONLY)


def _unread(_stack: ExitStack) -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def _stuck(stack: ExitStack) -> int:
    """A pipe that nobody empties, and that does not make its writer wait."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            return writing


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(_full, id="a full disk", marks=pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")),
        pytest.param(_unread, id="a reader that has left"),
        pytest.param(_stuck, id="a reader that does not read"),
        pytest.param(None, id="closed"),
    ],
)
@pytest.mark.parametrize(
    ("inputs", "exit_code", "result"),
    [({}, 0, "purged"), ({"base-url": "https://other.example/"}, 1, "failed"), ({"retries": "x"}, 2, "failed")],
    ids=["green", "red", "refused"],
)
def test_the_run_goes_on_without_a_log(
    cdn: Sandbox,
    workspace: Path,
    tmp_path: Path,
    token: str,
    gone: Callable[[ExitStack], int] | None,
    inputs: dict[str, str],
    exit_code: int,
    result: str,
) -> None:
    files = {"GITHUB_OUTPUT": tmp_path / "output", "GITHUB_STEP_SUMMARY": tmp_path / "summary"}
    given = {
        "token": token,
        "api-url": cdn.api_url,
        "base-url": "https://static.example.com/",
        "files": "\n".join(f"{number}.css" for number in range(300)),
        "report-file": "report.json",
    }
    command = [sys.executable, "-I", str(ENTRYPOINT)]
    environ = step_environ(workspace, given | inputs) | {name: str(path) for name, path in files.items()}
    with ExitStack() as stack:
        out = gone(stack) if gone else None
        finished = subprocess.run(
            command if gone else [sys.executable, "-c", CLOSED, *command],
            cwd=workspace,
            env=environ | {"RUNNER_DEBUG": "1"},
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        if out is not None:
            os.close(out)
    assert (finished.stderr, finished.returncode) == (b"", exit_code)
    assert read_outputs(files["GITHUB_OUTPUT"].read_bytes())["result"] == result
    assert files["GITHUB_STEP_SUMMARY"].read_text()
    assert (workspace / "report.json").exists() is (exit_code != 2)


@pytest.mark.parametrize("how", ["left alone", "cancelled"])
def test_a_reader_that_stops_reading_does_not_hold_the_run_up(
    cdn: Sandbox, workspace: Path, tmp_path: Path, token: str, how: str
) -> None:
    """A pipe that makes its writer wait, which nobody empties."""
    output = tmp_path / "output"
    urls = "\n".join(f"http://static.example.com/{number:0200}" for number in range(400))
    inputs = {"token": token, "api-url": cdn.api_url, "urls": urls}
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-I", str(ENTRYPOINT)],
        cwd=workspace,
        env=step_environ(workspace, inputs) | {"GITHUB_OUTPUT": str(output), "RUNNER_DEBUG": "1"},
        stdout=writing,
    ) as process:
        try:
            os.close(writing)
            assert cdn.wait_for_calls(40)
            if how == "cancelled":
                process.send_signal(signal.SIGTERM)
            process.wait(8)
        finally:
            process.kill()
            os.close(reading)
    assert (process.returncode, read_outputs(output.read_bytes())["result"]) == (0, "purged")
    assert len(json.loads(read_outputs(output.read_bytes())["req-ids"])) == len(cdn.purge_calls) == 40


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_outputs_that_cannot_be_written_are_a_warning(cdn: Sandbox, workspace: Path, token: str) -> None:
    given = {"token": token, "api-url": cdn.api_url, "urls": "http://static.example.com/a"}
    finished = subprocess.run(
        [sys.executable, "-I", str(ENTRYPOINT)],
        cwd=workspace,
        env=step_environ(workspace, given) | {"GITHUB_OUTPUT": str(FULL), "GITHUB_STEP_SUMMARY": str(FULL)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert f"reqId {cdn.purge_calls[0].req_id}" in finished.stdout
    assert "::warning title=ztpurge::GITHUB_OUTPUT cannot be written (No space left on device)" in finished.stdout


@pytest.mark.parametrize("name", ["x" * 300, "new/" + "x" * 300, "x/" * 3000 + "y", "\u6625" * 100, "caf\udce9"])
@pytest.mark.parametrize("given", ["files-from", "report-file", "manifest"])
def test_a_name_that_no_file_can_have_is_refused_by_its_input(
    cdn: Sandbox, workspace: Path, token: str, given: str, name: str
) -> None:
    inputs = {"token": token, "api-url": cdn.api_url, "base-url": "http://static.example.com/", given: name}
    finished = subprocess.run(
        [sys.executable, "-I", str(ENTRYPOINT)],
        cwd=workspace,
        env=step_environ(workspace, inputs),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stderr, cdn.calls) == (2, "", ())
    assert f"::error title=ztpurge::{given}: " in finished.stdout
    assert ("it is not UTF-8" if "\udce9" in name else "is not a path") in finished.stdout
    assert "Traceback" not in finished.stdout
