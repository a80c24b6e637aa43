"""How a figure is measured: whole processes side by side, in turn, so that what slows the machine slows all of them.

A figure is the median of what was measured in each round, mostly how many times as long one took as another.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sandbox.runner import ENTRYPOINT, read_outputs, step_environ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")
HERE = Path(__file__).resolve().parent
TLS = HERE.parent / "tests/calls/tls"
AUTHORITY = TLS / "authority.pem"


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, in the words of its row, and its value in each round; without a unit it is a ratio or a count.

    `is_held`: it is steady enough, on a busy machine too, for the short form to be held to it.
    """

    what: str
    values: tuple[float, ...]
    unit: str = ""
    is_held: bool = True

    @property
    def median(self) -> float:
        """The value that stands for all rounds."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was not measured, and why."""

    what: str
    why: str


def figure(
    what: str, taken: Iterable[T], read: Callable[[T], float], *, unit: str = "", is_held: bool = True
) -> Figure:
    """Return the figure that is read from what each round took."""
    return Figure(what, tuple(map(read, taken)), unit, is_held)


def beside(what: str, taken: Sequence[Mapping[str, Run]], ours: str, other: str) -> Iterator[Figure]:
    """Yield the figures that compare two ways: seconds, which swing on a busy machine, and processor time."""
    yield figure(what, taken, lambda one: one[ours].seconds / one[other].seconds, is_held=False)
    yield figure(f"{what}, processor time", taken, lambda one: one[ours].processor / one[other].processor)


def alternate(rounds: int, ways: Mapping[str, Callable[[], T]]) -> list[dict[str, T]]:
    """Return what each way took, round by round: A B A B."""
    return [{name: way() for name, way in ways.items()} for _ in range(rounds)]


@dataclass(frozen=True, slots=True)
class Run:
    """A process that ended well: its seconds, its processor time with that of its children, and what it said.

    `held`: for how many seconds in all the service held its requests, of which there were so many `calls` and `looks`.
    """

    seconds: float
    processor: float
    said: bytes = b""
    held: float = 0.0
    calls: int = 0
    looks: int = 0


def run(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> Run:
    """Run a command and return what that took; what it says goes to a file, which keeps nobody waiting."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        told.write(given)
        told.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environ, stdin=told, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{text[-3000:].decode(errors='replace')}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, text)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a workflow that runs ztpurge in a folder: its inputs, and what `env:` adds."""

    folder: Path
    inputs: Mapping[str, str]
    environ: Mapping[str, str] = field(default_factory=dict)

    def having(self, **inputs: str) -> Step:
        """Return the step with other inputs."""
        return replace(self, inputs={**self.inputs, **{name.replace("_", "-"): inputs[name] for name in inputs}})

    def run(self) -> Run:
        """Run it as a runner does."""
        return self._run([ENTRYPOINT])[0]

    def call_count(self) -> int:
        """Run it, and return how many calls it planned."""
        return int(self._run([ENTRYPOINT])[1]["request-count"])

    def look_inside(self, at: str) -> float:
        """Run it and return what only the process itself can see: the "peak" of memory in MB, or its TLS "contexts"."""
        with tempfile.NamedTemporaryFile("r") as seen:
            self._run([HERE / "inside.py", at, seen.name, ENTRYPOINT])
            return float(seen.read())

    def _run(self, program: Sequence[str | Path]) -> tuple[Run, dict[str, str]]:
        with tempfile.NamedTemporaryFile() as outputs, tempfile.NamedTemporaryFile() as summary:
            files = {"GITHUB_OUTPUT": outputs.name, "GITHUB_STEP_SUMMARY": summary.name}
            environ = {**step_environ(self.folder, self.inputs), **files, **self.environ}
            done = run([sys.executable, "-I", *program], folder=self.folder, environ=environ)
            return done, read_outputs(outputs.read())


class Service:
    """The service of `service.mjs` while the block lasts: an API, and a site of any number of URLs."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", HERE / "service.mjs", TLS / "localhost.pem"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        ports = json.loads(self._process.stdout.readline())
        self._counts = f"http://127.0.0.1:{ports['http']}/0/counts"
        self._entries = {False: f"http://127.0.0.1:{ports['http']}", True: f"https://localhost:{ports['https']}"}

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # it ends with its input

    def url(self, latency: int, *, is_secure: bool = False) -> str:
        """Return its URL, without a slash, by which it answers after so many milliseconds."""
        return f"{self._entries[is_secure]}/{latency}"

    def count(self, work: Callable[[], Run]) -> Run:
        """Do work and add what the service saw of it, which must all have been right."""
        self._forget()
        done = work()
        counts = self._forget()
        assert not counts["wrong"], counts
        return replace(done, held=counts["held"], calls=counts["calls"], looks=counts["looks"])

    def counting(self, ways: Mapping[str, Callable[[], Run]]) -> dict[str, Callable[[], Run]]:
        """Return ways to do work each of which is counted."""
        return {name: partial(self.count, way) for name, way in ways.items()}

    def _forget(self) -> dict[str, int]:
        with urllib.request.urlopen(self._counts) as answer:  # noqa: S310 - on loopback
            counts: dict[str, int] = json.load(answer)
            return counts
