"""What hashing a build's output costs, against one loop over the files on one core: ratios measured in one run.

`.venv/bin/python -m benchmarks.hashing`. For `make bench`, whole runs with a manifest against `sha256sum`.
"""

from __future__ import annotations

import functools
import hashlib
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Step, alternate, beside, run
from ztpurge.changes.output import hash_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measuring import Figure, Run, Service

ROUNDS = 7
MIXES = {
    "20,000 files of 2 kB (pages)": [(20_000, 2_000)],
    "5,000 files of 20 kB, 300 of 300 kB (a site with pictures)": [(5_000, 20_000), (300, 300_000)],
    "60 files of 10 MB (a game)": [(60, 10_000_000)],
}
Mix = list[tuple[int, int]]  # how many files of how many bytes


def main() -> None:
    """Print a table."""
    print(f"{os.cpu_count()} cores; medians of {ROUNDS} rounds\n")
    print("| | one loop, one core: ms | ztpurge: ms | ratio |\n|---|---|---|---|")
    for name, mix in MIXES.items():
        with tempfile.TemporaryDirectory(prefix="ztpurge-hashing-") as folder:
            top = Path(folder)
            make(top, mix)
            ours_of = functools.partial(hash_output, top, workspace=top, ignored=frozenset(), why_over=str)
            assert {path: content.digest for path, content in ours_of().files.items()} == one_loop(top)
            plain, ours = compare(lambda: one_loop(top), ours_of)  # noqa: B023 - called at once
            print(f"| {name} | {plain * 1000:.0f} | {ours * 1000:.0f} | {ours / plain:.2f} |")


def make(top: Path, mix: Mix) -> None:
    """Write files of given numbers and sizes."""
    for count, size in mix:
        data = os.urandom(size)
        for number in range(count):
            file = top / f"{number % 50}" / f"{size}-{number}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def one_loop(top: Path) -> dict[str, str]:
    """Hash every file in turn, as anybody would write it."""
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - as quick as can be
            with open(path, "rb") as file:  # noqa: PTH123 - the same
                found[os.path.relpath(path, top)] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def compare(*works: Callable[[], object]) -> list[float]:
    """Return the median seconds of each, measured in turn."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def measure_manifest(service: Service, what: str, *, mix: Mix, rounds: int) -> Iterator[Figure]:
    """Measure a run whose manifest says that nothing changed, against `sha256sum` on as many cores as there are."""
    with tempfile.TemporaryDirectory(prefix="ztpurge-bench-") as name:
        folder = Path(name)
        make(folder / "site", mix)
        site = {"root": "site", "manifest": "manifest.json", "base-url": "http://a.example/", "max-urls": "1000000"}
        api = {"api-url": service.url(0), "token": "token", "concurrency": "16"}
        step = Step(folder, site | api)
        step.run()  # which purges all, and writes the manifest

        def sums() -> Run:
            files = run(["find", folder / "site", "-type", "f", "-print0"])
            summed = run(["xargs", "-0", f"-P{os.cpu_count()}", "-n500", "sha256sum"], given=files.said)
            return replace(summed, seconds=files.seconds + summed.seconds, processor=files.processor + summed.processor)

        taken = alternate(rounds, {"ours": lambda: service.count(step.run), "sums": sums})
    assert not any(one["ours"].calls for one in taken), "nothing changed"
    yield from beside(f"manifest, {what}: against `sha256sum` on all cores", taken, "ours", "sums")


if __name__ == "__main__":
    main()
