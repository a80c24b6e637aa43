"""A bug leaves its traceback, an annotation and outputs; whole runs are tested in test_entrypoint.py."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from sandbox.runner import read_outputs
from ztpurge.calls.clock import Clock
from ztpurge.main import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import FakeClock


class BrokenClock(Clock):
    def now(self) -> float:
        raise RuntimeError("##[error]x")


def test_a_bug_is_annotated_and_shown(tmp_path: Path) -> None:
    out = io.StringIO()
    environ = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_WORKSPACE": str(tmp_path)}
    assert run(environ, out, BrokenClock()) == 1
    assert "Traceback (most recent call last):" in out.getvalue()
    assert "::error title=ztpurge::ztpurge has a bug" in out.getvalue()
    assert "##[" not in out.getvalue()
    assert read_outputs((tmp_path / "output").read_bytes())["result"] == "failed"


@pytest.mark.parametrize("files", ["a.css", ""])
def test_a_delay_is_waited_for_only_before_calls(tmp_path: Path, clock: FakeClock, files: str) -> None:
    environ = {
        "GITHUB_WORKSPACE": str(tmp_path),
        "INPUT_TOKEN": "t",
        "INPUT_API-URL": "http://127.0.0.1:1",
        "INPUT_BASE-URL": "http://a.example",
        "INPUT_FILES": files or "[]",
        "INPUT_RETRIES": "0",
        "INPUT_DELAY": "30",
    }
    out = io.StringIO()
    assert run(environ, out, clock) == (1 if files else 0)
    assert clock.slept[:1] == ([30.0] if files else [])  # then it waits for the API
    assert ("Waiting 30 s" in out.getvalue()) == bool(files)


def test_a_report_that_cannot_be_written_does_not_fail_the_run(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    out = io.StringIO()
    environ = {"GITHUB_WORKSPACE": str(tmp_path), "INPUT_DRY-RUN": "true", "INPUT_REPORT-FILE": "file/report.json"}
    environ["INPUT_URLS"] = "[]"
    assert run(environ, out, clock) == 0
    assert "::warning title=ztpurge::report-file: 'file/report.json' cannot be written" in out.getvalue()
