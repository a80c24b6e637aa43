"""`make bench` and `make bench-short`: the figures of `docs/performance.md`, measured anew.

    python -m benchmarks            # all of them, in some fifteen minutes; writes the page
    python -m benchmarks --short    # fewer of less, in a minute; fails if one is twice what the page says
    python -m benchmarks calls      # one part, to look at; `git` and `start` are others

Needs Node.js for the service that answers.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.calls import Load, measure_calls, measure_peers
from benchmarks.changes import measure_range
from benchmarks.hashing import measure_manifest
from benchmarks.looks import measure_looks
from benchmarks.measuring import Figure, Service, Skipped
from benchmarks.page import parse, put_between, render, show, too_much
from benchmarks.planning import measure_growth, measure_memory, measure_planning
from benchmarks.start import measure_image, measure_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Parts = Mapping[str, Iterable[Figure | Skipped]]

PAGE = Path(__file__).resolve().parents[1] / "docs/performance.md"
GAME = [(20_000, 20_000), (1_000, 300_000), (130, 10_000_000)]
PAGES = [(100_000, 2_000)]


def main() -> int:
    """Measure what is asked for; return 1 if a figure of the short form is too much."""
    parser = argparse.ArgumentParser(description="Measure the figures of docs/performance.md.")
    parser.add_argument("parts", nargs="*", metavar="PART", help="only these, and write nothing")
    parser.add_argument("--short", action="store_true", help="the short form")
    given = parser.parse_args()
    if not shutil.which("node"):
        print("the service that answers needs Node.js", file=sys.stderr)
        return 1
    machine = describe_machine()
    with Service() as service:
        measure = measure_short if given.short else measure_whole
        parts = {name: figures for name, figures in measure(service).items() if not given.parts or name in given.parts}
        if given.short and not given.parts:
            return hold_to_the_page(parts, service)
        measured = {name: listen(figures) for name, figures in parts.items()}
        if not given.parts:
            peers = measured.pop("peers")
            short = chain.from_iterable(map(listen, measure_short(service).values()))
            held = [figure for figure in short if isinstance(figure, Figure) and figure.is_held]
            tables = (
                machine,
                render(chain.from_iterable(measured.values())),
                "Others that make the same calls, each as a whole process, against a whole run of ztpurge:",
                render(peers),
                "The short form, which CI holds to these values:",
                render(held),
            )
            PAGE.write_text(put_between(PAGE.read_text(encoding="utf-8"), "\n\n".join(tables)), encoding="utf-8")
    return 0


def measure_whole(service: Service) -> Parts:
    """Return what measures each part in full, once it is looped over."""
    return {
        "calls": chain(
            *(measure_calls(service, Load(1_000, 50, most), rounds=3) for most in (4, 8, 16)),
            *(measure_calls(service, Load(200, 200, most), rounds=3) for most in (4, 8, 16)),
            measure_calls(service, Load(400, 50, 8, is_secure=True), rounds=5),
        ),
        "verify": measure_looks(service, urls=1_000, latency=50, at_once=16, rounds=3),
        "planning": chain(measure_planning(files=100_000, rounds=3), measure_growth(files=100_000, times=10, rounds=2)),
        "memory": chain(
            measure_memory(service, files=100_000, rounds=1), measure_memory(service, files=1_000_000, rounds=1)
        ),
        "manifest": chain(
            measure_manifest(service, "2 GB in 21,130 files", mix=GAME, rounds=3),
            measure_manifest(service, "100,000 files of 2 kB", mix=PAGES, rounds=3),
        ),
        "git": measure_range(files=100_000, changed=1_000, rounds=15),
        "start": measure_start(service, rounds=25),
        "image": measure_image(rounds=15),
        "peers": chain(*(measure_peers(service, Load(1_000, 50, most), rounds=2) for most in (8, 16))),
    }


def measure_short(service: Service) -> Parts:
    """Return what measures each part in a minute or less for all."""
    return {
        "calls": chain(
            measure_calls(service, Load(200, 50, 8), rounds=3),
            measure_calls(service, Load(100, 50, 8, is_secure=True), rounds=3),
        ),
        "verify": measure_looks(service, urls=200, latency=50, at_once=16, rounds=3),
        "planning": measure_planning(files=20_000, rounds=3),
        "memory": measure_memory(service, files=10_000, rounds=1),
        "manifest": measure_manifest(service, "5,000 files of 2 kB", mix=[(5_000, 2_000)], rounds=3),
        "git": measure_range(files=10_000, changed=100, rounds=5),
        "start": measure_start(service, rounds=5),
    }


def hold_to_the_page(parts: Parts, service: Service) -> int:
    """Measure, and once more what is too much, since something else may have slowed the machine; return 1 if it is."""
    recorded, began = parse(PAGE.read_text(encoding="utf-8")), time.monotonic()
    suspects = [name for name, figures in parts.items() if list(too_much(listen(figures), recorded))]
    again = measure_short(service)
    problems = [problem for name in suspects for problem in too_much(listen(again[name]), recorded)]
    for problem in problems:
        print(f"too much: {problem}", file=sys.stderr)
    print(f"took {time.monotonic() - began:.0f} s")
    return 1 if problems else 0


def listen(figures: Iterable[Figure | Skipped]) -> list[Figure | Skipped]:
    """Return figures, each told as soon as it is measured."""

    def tell() -> Iterator[Figure | Skipped]:
        for figure in figures:
            value = f"skipped: {figure.why}" if isinstance(figure, Skipped) else f"{show(figure.median)} {figure.unit}"
            print(f"{figure.what}: {value}", flush=True)
            yield figure

    return list(tell())


def describe_machine() -> str:
    """Say when and on what the figures were measured."""
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))

    def ask(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[0].strip()

    node, git, commit = ask("node", "--version"), ask("git", "--version"), ask("git", "rev-parse", "--short", "HEAD")
    return (
        f"Measured on {datetime.now(UTC).date()} by `make bench` at `{commit}`: {os.cpu_count()} cores "
        f"({models[0] if models else platform.machine()}), Linux, Python {platform.python_version()}, Node.js {node}, "
        f"{git}, a load of {os.getloadavg()[1]:.1f} when it began."
    )


if __name__ == "__main__":
    sys.exit(main())
