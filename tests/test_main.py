"""What the recipe does at its ends; whole runs are in whole/."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from ztpurge.main import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import FakeClock


@pytest.mark.parametrize("files", ["a.css", ""])
def test_a_delay_is_waited_for_only_before_calls(tmp_path: Path, clock: FakeClock, files: str) -> None:
    inputs = {"TOKEN": "t", "API-URL": "http://127.0.0.1:1", "BASE-URL": "http://a.example", "FILES": files or "[]"}
    inputs |= {"RETRIES": "0", "DELAY": "30"}
    environ = {"GITHUB_WORKSPACE": str(tmp_path), **{f"INPUT_{name}": value for name, value in inputs.items()}}
    out = io.StringIO()
    assert run(environ, out, clock) == (1 if files else 0)
    assert clock.slept[:1] == ([30.0] if files else [])  # then it waits for the API
    assert ("Waiting 30 s" in out.getvalue()) == bool(files)


def test_a_report_that_cannot_be_written_does_not_fail_the_run(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    out = io.StringIO()
    environ = {"GITHUB_WORKSPACE": str(tmp_path), "INPUT_DRY-RUN": "true", "INPUT_URLS": "[]"}
    environ["INPUT_REPORT-FILE"] = "file/report.json"
    assert run(environ, out, clock) == 0
    assert "::warning title=ztpurge::report-file: 'file/report.json' cannot be written" in out.getvalue()
