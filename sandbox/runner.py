"""A stand-in for the runner: starts a step's entrypoint as GitHub's runner starts it, and reads what it leaves.

It knows the environment, the working directory and the grammar of GITHUB_OUTPUT; workflows are none of its business.
"""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ENTRYPOINT = Path(__file__).resolve().parent.parent / "entrypoint.py"


@dataclass(frozen=True, slots=True)
class Step:
    """What a step left: its exit code, its log, its outputs by name, its summary in Markdown."""

    exit_code: int
    log: str
    outputs: dict[str, str]
    summary: str


def run_step(
    workspace: Path, inputs: Mapping[str, str], *, environ: Mapping[str, str] | None = None, timeout: float = 60
) -> Step:
    """Run the entrypoint in a workspace with a step's inputs; `environ` is what a workflow's `env:` adds."""
    with tempfile.TemporaryDirectory(prefix="runner-") as folder:
        files = {name: Path(folder, name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        finished = subprocess.run(
            [sys.executable, "-I", str(ENTRYPOINT)],
            cwd=workspace,
            env=step_environ(workspace, inputs)
            | {name: str(file) for name, file in files.items()}
            | dict(environ or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        return Step(
            finished.returncode,
            finished.stdout.decode(),
            read_outputs(files["GITHUB_OUTPUT"].read_bytes()),
            files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8"),
        )


def step_environ(workspace: Path, inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a step: inputs upper-cased with their hyphens, and what every job has.

    Inputs that are not given are there as well, with their defaults, as a runner has it.
    """
    passed_on = {
        name: os.environ[name]
        for name in ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
        if name in os.environ
    }
    return {
        **passed_on,
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(workspace),
        "RUNNER_OS": "Linux",
        **{f"INPUT_{name.upper().replace(' ', '_')}": value for name, value in {**_defaults(), **inputs}.items()},
    }


@functools.cache
def _defaults() -> dict[str, str]:
    action = yaml.safe_load((ENTRYPOINT.parent / "action.yml").read_text(encoding="utf-8"))
    # that of `github-token` is an expression, which nobody puts anything in the place of here
    return {name: facts.get("default", "") for name, facts in action["inputs"].items() if name != "github-token"}


def read_outputs(data: bytes) -> dict[str, str]:
    """Read GITHUB_OUTPUT as the runner does; raise ValueError for what would fail the step.

    Lines end at LF only; whichever of `=` and `<<` comes first decides whether a line holds a value or opens one.
    """
    outputs = {}
    lines = iter(data.decode().split("\n"))
    for line in lines:
        name, value = _entry(line, lines) if line else ("", "")
        if name:
            outputs[name] = value
    return outputs


def _entry(line: str, lines: Iterator[str]) -> tuple[str, str]:
    equals, opening = line.find("="), line.find("<<")
    if equals >= 0 and (opening < 0 or equals < opening):
        name, _, value = line.partition("=")
        return name, value
    name, _, delimiter = line.partition("<<")
    if opening < 0 or not name or not delimiter:
        raise ValueError(f"not an output: {line!a}")
    value_lines: list[str] = []
    for value_line in lines:
        if value_line == delimiter:
            return name, "\n".join(value_lines)
        value_lines.append(value_line)
    raise ValueError(f"the value of {name!a} has no end")
