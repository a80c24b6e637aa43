"""What a run costs that has nothing to do, or next to nothing: whole processes against a bare interpreter."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.image_start import packed, unpack
from benchmarks.measuring import Figure, Skipped, Step, alternate, beside, run
from sandbox.runner import step_environ

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Run, Service

IMAGE = "ztpurge:e2e"


def measure_start(service: Service, *, rounds: int) -> Iterator[Figure]:
    """Measure a run of which no changed file is served, and one with a single call at no latency."""

    def python(program: str) -> Run:
        return run([sys.executable, "-I", "-c", program])

    with tempfile.TemporaryDirectory(prefix="ztpurge-bench-") as name:
        folder = Path(name)
        (folder / "public").mkdir()
        site = {"base-url": "http://a.example/", "token": "token", "api-url": service.url(0)}
        one = Step(folder, {**site, "files": "index.html"})
        taken = alternate(
            rounds,
            {
                "nothing": one.having(root="public").run,
                "pass": lambda: python("pass"),
                "one": one.run,
                "requests": lambda: python("import requests"),
            },
        )
    yield from beside("nothing to purge, whole process: against `python3 -I -c pass`", taken, "nothing", "pass")
    yield from beside("one batch, whole process: against `python3 -I -c 'import requests'`", taken, "one", "requests")


def measure_image(*, rounds: int) -> Iterator[Figure | Skipped]:
    """Measure what a job pulls, and a container that has nothing to purge."""
    pulled, started = "the image to pull", "a container with nothing to purge: against `python3 -I -c pass` in it"
    try:
        subprocess.run(["docker", "image", "inspect", IMAGE], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        why = f"no Docker engine here has the image {IMAGE}, which `make e2e` makes"
        yield from (Skipped(what, why) for what in (pulled, started))
        return
    with tempfile.TemporaryDirectory(prefix="ztpurge-bench-") as name:
        workspace, files = Path(name, "workspace"), Path(name, "files")
        (workspace / "public").mkdir(parents=True)
        unpack(IMAGE, files)
        yield Figure(pulled, (packed(files) / 1e6,), "MB")
        inputs = {"base-url": "http://a.example/", "token": "token", "root": "public", "files": "a.css"}
        environ = [f"--env={name}={value}" for name, value in step_environ(workspace, inputs).items()]
        there = ["docker", "run", "--rm", "--network=host", f"--volume={workspace}:{workspace}", *environ]
        bare = ["--entrypoint=/opt/ztpurge/venv/bin/python3", IMAGE, "-I", "-c", "pass"]
        ways = {"ours": lambda: run([*there, IMAGE]), "pass": lambda: run([*there, *bare])}
        # the processor time is that of Docker's client, which tells nothing
        yield next(beside(started, alternate(rounds, ways), "ours", "pass"))
