"""How whole runs are started: in a process of their own where that is the point, else in this one, which is quicker."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from sandbox.runner import ENTRYPOINT, Step, read_outputs, step_environ
from ztpurge.calls.clock import Clock
from ztpurge.main import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def run_inside(workspace: Path, inputs: Mapping[str, str], *, environ: Mapping[str, str] | None = None) -> Step:
    """Run a step as `sandbox.runner.run_step` does, all but the start of an interpreter."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", newline="\n")
    with tempfile.TemporaryDirectory(prefix="runner-") as folder:
        output, summary = Path(folder, "output"), Path(folder, "summary")
        output.touch()
        summary.touch()
        given = step_environ(workspace, inputs) | {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
        # proxies are read from the process's own environment
        with contextlib.chdir(workspace), mock.patch.dict(os.environ, given | dict(environ or {}), clear=True):
            exit_code = run(os.environ, out, Clock())
        out.flush()
        log = out.buffer.getvalue().decode()
        return Step(exit_code, log, read_outputs(output.read_bytes()), summary.read_text(encoding="utf-8"))


@contextlib.contextmanager
def started(
    workspace: Path,
    inputs: Mapping[str, str],
    *,
    environ: Mapping[str, str] | None = None,
    stdout: int = subprocess.PIPE,
    stderr: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Start a step's process; what is left of it ends with the block."""
    with subprocess.Popen(
        [sys.executable, "-I", str(ENTRYPOINT)],
        cwd=workspace,
        env=step_environ(workspace, inputs) | dict(environ or {}),
        stdout=stdout,
        stderr=stderr,
        text=True,
        errors="replace",  # what a kill cuts off may end within a character
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def push_event(folder: Path, before: str, after: str) -> dict[str, str]:
    """Write the event of a push into a folder, and return what the runner's environment says of it."""
    event = folder / "event.json"
    event.write_text(json.dumps({"before": before, "after": after}))
    return {
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_SHA": after,
        "GITHUB_REPOSITORY": "owner/site",
    }
